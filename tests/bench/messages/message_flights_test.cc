// Plan: keep a few messages under way; what comes once and unchanged is counted, anything else is
// an error that says so.
#include "tests/bench/messages/message_flights.h"

#include <gtest/gtest.h>

#include <string>

namespace shardd::bench {
namespace {

class MessageFlightsTest : public testing::Test {
 protected:
  MessageFlights::Message Sent() {
    MessageFlights::Message message;
    EXPECT_TRUE(flights_.Next(message));
    return message;
  }

  Dataset dataset_{DatasetOptions()};
  Meter meter_{{.warm_up = absl::ZeroDuration(), .measured = absl::Hours(1)}};
  MessageFlights flights_{dataset_, meter_, 2};
};

TEST_F(MessageFlightsTest, OnlySoManyAreUnderWay) {
  const MessageFlights::Message first = Sent();
  const MessageFlights::Message second = Sent();
  MessageFlights::Message third;
  EXPECT_FALSE(flights_.Next(third));
  ASSERT_EQ(*flights_.Received(second.receiver, second.payload), second.number);
  EXPECT_FALSE(flights_.Next(third));
  ASSERT_TRUE(flights_.Committed(second.number).ok());
  EXPECT_TRUE(flights_.Next(third));
  EXPECT_EQ(flights_.sent(), 3u);
}

TEST_F(MessageFlightsTest, PayloadsAreAsLongAsValuesAndDiffer) {
  const MessageFlights::Message first = Sent();
  const MessageFlights::Message second = Sent();
  EXPECT_EQ(first.payload.size(), dataset_.options().value_bytes);
  EXPECT_EQ(second.payload.size(), dataset_.options().value_bytes);
  EXPECT_NE(first.payload, second.payload);
}

TEST_F(MessageFlightsTest, WhatIsNotAsSentIsRefused) {
  const MessageFlights::Message message = Sent();
  std::string changed = message.payload;
  changed.back() ^= 1;
  std::string unknown = message.payload;
  unknown.front() ^= 1;
  EXPECT_EQ(flights_.Received(message.receiver, changed).status().code(),
            absl::StatusCode::kDataLoss);
  EXPECT_EQ(flights_.Received(message.receiver, unknown).status().code(),
            absl::StatusCode::kDataLoss);
  EXPECT_EQ(flights_.Received(message.receiver, "short").status().code(),
            absl::StatusCode::kDataLoss);
  EXPECT_EQ(flights_.Received("another", message.payload).status().code(),
            absl::StatusCode::kDataLoss);
  EXPECT_TRUE(flights_.Received(message.receiver, message.payload).ok());
}

TEST_F(MessageFlightsTest, AMessageComesAndIsCommittedOnce) {
  const MessageFlights::Message message = Sent();
  EXPECT_FALSE(flights_.Committed(message.number).ok());
  ASSERT_TRUE(flights_.Received(message.receiver, message.payload).ok());
  EXPECT_FALSE(flights_.Received(message.receiver, message.payload).ok());
  EXPECT_TRUE(flights_.Committed(message.number).ok());
  EXPECT_FALSE(flights_.Committed(message.number).ok());
  EXPECT_FALSE(flights_.Received(message.receiver, message.payload).ok());
}

TEST_F(MessageFlightsTest, ItIsOverWhenTheWindowIsAndNothingIsUnderWay) {
  Meter past({.warm_up = absl::ZeroDuration(), .measured = absl::ZeroDuration()});
  MessageFlights flights(dataset_, past, 2);
  MessageFlights::Message message;
  EXPECT_FALSE(flights.Next(message));
  EXPECT_TRUE(flights.Over());
  Sent();
  EXPECT_FALSE(flights_.Over());
}

}  // namespace
}  // namespace shardd::bench

#pragma once

#include <google/protobuf/message.h>
#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/proto_buffer_reader.h>
#include <grpcpp/support/status.h>

#include <cstddef>

#include "absl/status/status.h"

namespace shardd::rpc {

// A received message, or why it could not be read. gRPC itself would answer bytes that are not the
// message with a bare INTERNAL; this way the caller hears which field is wrong.
template <typename Message>
struct Parsed {
  Message message;
  absl::Status status;
  size_t byte_count = 0;
};

// kInvalidField naming the first text field that is not UTF-8, or "request" if the bytes are not
// such a message at all. Called for messages that protobuf refused.
absl::Status ExplainUnreadable(const google::protobuf::Descriptor& type, grpc::ByteBuffer& bytes);

}  // namespace shardd::rpc

namespace grpc {

// How gRPC reads a message for us: always "successfully", since Parsed says what went wrong.
template <typename Message>
class SerializationTraits<shardd::rpc::Parsed<Message>> {
 public:
  static Status Deserialize(ByteBuffer* bytes, shardd::rpc::Parsed<Message>* parsed) {
    parsed->byte_count = bytes->Length();
    parsed->status = Read(*bytes, parsed->message)
                         ? absl::OkStatus()
                         : shardd::rpc::ExplainUnreadable(*Message::descriptor(), *bytes);
    bytes->Clear();  // They are ours to release.
    return Status::OK;
  }

 private:
  static bool Read(ByteBuffer& bytes, Message& message) {
    ProtoBufferReader reader(&bytes);
    return reader.status().ok() && message.ParseFromZeroCopyStream(&reader);
  }
};

}  // namespace grpc

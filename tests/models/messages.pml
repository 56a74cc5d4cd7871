// Messages: one account sends to another, in another shard or in the same one, with a crash at any
// step, and owners that begin anew.
//
// The sender's owner numbers messages and keeps them in the outbox until the receiver's owner says
// that it has them. The receiver's owner puts them into the mailbox, and remembers the newest number.
// Deliveries and answers go through queues, which die in a crash. A new owner of the sender alone,
// who knows nothing of what is on its way, is more than one daemon does: it delivers again while the
// first deliveries are still in the queue.
//
// What the code must do, by guard:
//   OUTBOX_IN_THE_BATCH     keep the message in the outbox from the batch on that sends it
//   DELIVERED_AFTER_COMMIT  deliver only after that commit
//   DIRECT_IF_NOTHING_IS_UNDER_WAY  past the outbox, within one shard, only then
//   NAMES_THE_ONE_BEFORE    a message waits for the one that was under way when it was sent
//   MARK_COMPARED           what is not above the mark was taken in before
//   MARK_IN_THE_BATCH       the mark rises in the batch that takes the message in
//   ANSWER_AFTER_COMMIT     answer after that commit
//   TRIMMED_AFTER_ANSWER    keep the message in the outbox until the answer
//   SENDER_ASKED            drop a mark only when the sender's owner says that it is not needed
//   NOTHING_IS_UNDER_WAY    who says so when nothing of the pair is under way
//   ANSWER_IN_THE_QUEUE     through the queue that messages take, behind the last of them
#include "guard.inc"

#define SENDS_MAX 3
#define CRASHES_MAX 1
#define NEW_OWNERS_MAX 1
#define CHANGES_MAX 2    // of whether both accounts are in one shard
#define REFUSALS_MAX 1
#define ASKS_MAX 1
#define QUEUE_MAX 6

#define ONCE_IN_ORDER each message is taken in once and in order
#define ONLY_COMMITTED only what was committed is taken in
#define ALL_TAKEN every message is taken in

mtype = { idle, staged, half };              // a turn
mtype = { message, unneeded };               // to the receiver's owner
mtype = { taken, refused, ask };             // to the sender's owner

// ---- On stable storage.
byte committed = 0;               // the sender's revision: messages committed
byte id_of[SENDS_MAX + 1];        // by number: which one it is
bit outbox[SENDS_MAX + 1];        // by number: not known to be with the receiver
byte before[SENDS_MAX + 1];       // by number: the one before it that was under way, or 0
byte in_mailbox = 0;              // the newest
byte mark = 0;                    // the newest that came by the queue; 0: none is kept
bit together = 0;                 // both accounts are in one shard

// ---- In memory.
chan to_receiver = [QUEUE_MAX] of { mtype, byte, byte, byte };
chan to_sender = [QUEUE_MAX] of { mtype, byte };
mtype send_turn = idle;
byte send_id = 0;
#if !GUARD(DELIVERED_AFTER_COMMIT)
bit delivered_early = 0;
#endif
bit on_way[SENDS_MAX + 1];        // by number: delivered, not answered
bit turned_away = 0;              // one of them was
mtype take_turn = idle;
byte take_number = 0;
byte take_id = 0;

// ---- What the world knows.
byte sends = 0;
byte crashes = 0;
byte new_owners = 0;
byte changes = 0;
byte refusals = 0;
byte asks = 0;

#define UNDER_WAY (outbox[1] || outbox[2] || outbox[3])
#define NEWEST (outbox[3] -> 3 : (outbox[2] -> 2 : (outbox[1] -> 1 : 0)))
#define ON_WAY (on_way[1] || on_way[2] || on_way[3])
#define WAITS(number) (outbox[number] && !on_way[number])
#define NEXT (WAITS(1) -> 1 : (WAITS(2) -> 2 : (WAITS(3) -> 3 : 0)))

// ---- The mailbox.

inline take_in(number, id) {
  printf("taken in: %d\n", number);
  MUST(number <= committed && id_of[number] == id, ONLY_COMMITTED);
  MUST(number == in_mailbox + 1, ONCE_IN_ORDER);
  in_mailbox = number
}

// ---- The sender's owner.

#if GUARD(DIRECT_IF_NOTHING_IS_UNDER_WAY)
#define GOES_DIRECTLY (together && !UNDER_WAY)
#else
#define GOES_DIRECTLY together
#endif

inline put_into_outbox() {
  before[committed] = NEWEST;
  outbox[committed] = 1
}

inline end_send_turn() {
#if !GUARD(DELIVERED_AFTER_COMMIT)
  delivered_early = 0;
#endif
  send_turn = idle;
  send_id = 0
}

inline commit_send() {
  committed++;
  id_of[committed] = send_id;
  printf("sent: %d\n", committed);
  if
  :: GOES_DIRECTLY -> take_in(committed, send_id); end_send_turn()
  :: else ->
#if GUARD(OUTBOX_IN_THE_BATCH)
     put_into_outbox();
     end_send_turn()
#else
     send_turn = half
#endif
  fi
}

inline deliver(number) {
  printf("delivered: %d\n", number);
#if GUARD(NAMES_THE_ONE_BEFORE)
  to_receiver!message(number, id_of[number], before[number]);
#else
  to_receiver!message(number, id_of[number], 0);
#endif
  on_way[number] = 1;
#if !GUARD(TRIMMED_AFTER_ANSWER)
  outbox[number] = 0;
  on_way[number] = 0;
#endif
  skip
}

inline settle(number, is_taken) {
  if
  :: on_way[number] ->
     on_way[number] = 0;
     if
     :: is_taken -> outbox[number] = 0; before[number] = 0
     :: else -> turned_away = 1
     fi
  :: else -> skip
  fi;
  if
  :: !ON_WAY -> turned_away = 0  // it rests, and begins again
  :: else -> skip
  fi
}

// The mark may go if nothing is under way that it is needed for.
inline answer_ask() {
  if
#if GUARD(NOTHING_IS_UNDER_WAY)
  :: UNDER_WAY || send_turn == half -> skip
#endif
  :: else ->
#if GUARD(ANSWER_IN_THE_QUEUE)
     to_receiver!unneeded(0, 0, 0)
#else
     mark = 0
#endif
  fi
}

proctype Sender() {
  byte number;
end:
  do
  :: d_step { send_turn == idle && sends < SENDS_MAX -> sends++; send_turn = staged; send_id = sends }
  :: d_step { send_turn == staged -> commit_send() }
#if !GUARD(OUTBOX_IN_THE_BATCH)
  :: d_step { send_turn == half -> put_into_outbox(); end_send_turn() }
#endif
#if !GUARD(DELIVERED_AFTER_COMMIT)
  :: d_step { send_turn == staged && !delivered_early && !GOES_DIRECTLY && nfull(to_receiver) ->
       printf("delivered early: %d\n", committed + 1);
       to_receiver!message(committed + 1, send_id, NEWEST);
       delivered_early = 1
     }
#endif
  :: d_step { !turned_away && NEXT != 0 && nfull(to_receiver) -> number = NEXT; deliver(number); number = 0 }
  :: d_step { to_sender?[taken, _] -> to_sender?taken(number); settle(number, true); number = 0 }
  :: d_step { to_sender?[refused, _] -> to_sender?refused(number); settle(number, false); number = 0 }
  :: d_step { to_sender?[ask, _] && nfull(to_receiver) -> to_sender?ask(_); answer_ask() }
  od
}

// ---- The receiver's owner.

inline end_take_turn() {
  take_turn = idle; take_number = 0; take_id = 0
}

inline commit_take() {
  take_in(take_number, take_id);
#if GUARD(MARK_IN_THE_BATCH)
  mark = take_number;
#if GUARD(ANSWER_AFTER_COMMIT)
  to_sender!taken(take_number);
#endif
  end_take_turn()
#else
  take_turn = half
#endif
}

inline look_at(number, id, after) {
  if
#if GUARD(MARK_COMPARED)
  :: number <= mark -> to_sender!taken(number)
#endif
  :: number > mark && after > mark -> to_sender!refused(number)
  :: else ->
     take_turn = staged;
     take_number = number;
     take_id = id;
#if !GUARD(ANSWER_AFTER_COMMIT)
     to_sender!taken(number);
#endif
     skip
  fi
}

proctype Receiver() {
  byte number;
  byte id;
  byte after;
end:
  do
  :: d_step { take_turn == idle && to_receiver?[message, _, _, _] && nfull(to_sender) ->
       to_receiver?message(number, id, after);
       look_at(number, id, after);
       number = 0; id = 0; after = 0
     }
     // The mailbox is full: nothing of it is in memory, so that the next one is looked at for itself.
  :: d_step { take_turn == idle && to_receiver?[message, _, _, _] && nfull(to_sender) &&
         refusals < REFUSALS_MAX ->
       refusals++;
       to_receiver?message(number, id, after);
       if
       :: number <= mark -> to_sender!taken(number)
       :: else -> printf("mailbox full: %d\n", number); to_sender!refused(number)
       fi;
       number = 0; id = 0; after = 0
     }
  :: d_step { take_turn == idle && to_receiver?[unneeded, _, _, _] ->
       to_receiver?unneeded(_, _, _);
       printf("mark dropped\n");
       mark = 0
     }
  :: d_step { take_turn == staged && nfull(to_sender) -> commit_take() }
#if !GUARD(MARK_IN_THE_BATCH)
  :: d_step { take_turn == half && nfull(to_sender) ->
       mark = take_number;
       to_sender!taken(take_number);
       end_take_turn()
     }
#endif
#if GUARD(SENDER_ASKED)
  :: d_step { take_turn == idle && mark != 0 && asks < ASKS_MAX && nfull(to_sender) ->
       asks++;
       to_sender!ask(0)
     }
#else
  :: d_step { take_turn == idle && mark != 0 && asks < ASKS_MAX ->
       asks++;
       printf("mark dropped\n");
       mark = 0
     }
#endif
  od
}

// ---- What happens to both.

inline forget_sender_memory() {
  end_send_turn();
  on_way[1] = 0; on_way[2] = 0; on_way[3] = 0;
  turned_away = 0
}

proctype World() {
end:
  do
  :: d_step { crashes < CRASHES_MAX ->
       printf("crash\n");
       crashes++;
       forget_sender_memory();
       end_take_turn();
       do
       :: nempty(to_receiver) -> to_receiver?_, _, _, _
       :: else -> break
       od;
       do
       :: nempty(to_sender) -> to_sender?_, _
       :: else -> break
       od
     }
     // Between two turns, and without what the old owner knew.
  :: d_step { new_owners < NEW_OWNERS_MAX && send_turn == idle ->
       printf("new owner of the sender\n");
       new_owners++;
       forget_sender_memory()
     }
  :: d_step { changes < CHANGES_MAX && send_turn == idle ->
       printf("split or merge\n");
       changes++;
       together = !together
     }
  od
}

// Ends once there is nothing left to do: a message that hangs leaves it waiting.
proctype EverythingIsDone() {
  d_step { sends == SENDS_MAX && send_turn == idle && !UNDER_WAY && empty(to_receiver) &&
      take_turn == idle ->
    MUST(in_mailbox == committed, ALL_TAKEN)
  }
}

init {
  atomic {
    run Sender();
    run Receiver();
    run World();
    run EverythingIsDone()
  }
}

// The epoch flip: a split and a merge while requests flow, with a crash at any step.
//
// Shard S owns two routing keys. A split gives one of them, MOVES, to shard N; a merge brings it
// back. The table changes in one batch; requests that wait are handed over as a value.
// Every d_step below is one thing that a thread does between two things that others can see.
#include "guard.inc"

#define S 0
#define N 1
#define STAYS 0
#define MOVES 1

#define CHANGES_MAX 3    // intents written
#define CRASHES_MAX 2
#define NUMBERED_MAX 3   // requests of the first front end

#define ORDERED hand-over keeps order
#define CURRENT no operation is accepted under an old epoch
#define ONE_OWNER one owner per routing key per epoch
#define NOTHING_LOST no acknowledged write is lost
#define AGREED table and shard records and intent agree after a crash
#define WATCHED what waits in memory for a range goes with it

mtype = { none, split, merge, pause, resume };
mtype = { idle, taken, committed };            // a worker: its turn
mtype = { ready, intended, pausing, asked };   // the coordinator

// ---- On stable storage.
byte stored_epoch = 1;
bit stored_owner = S;         // of MOVES, by the routing table
bit stored_record = S;        // of MOVES, by the shard records
mtype stored_intent = none;
byte stored_value[2] = 1;     // by routing key; a write adds one

// ---- In memory: lost in a crash.
chan mailbox[2] = [5] of { bit, byte, byte };  // routing key, number, epoch; 0 for none
chan command[2] = [3] of { mtype, byte };      // what, expected epoch
chan answer = [3] of { byte };                 // the expected epoch of a change that was made
bool alive[2];
byte paused[2];               // by which change; 0 if not
bool owns[2];                 // MOVES, by the worker's own knowledge
bool moved[2];                // the mailbox passes what is for MOVES on to the other one
bool watched[2];              // watchers and waiters of MOVES are here
byte epoch[2];
byte cached[2];               // the value of MOVES; 0 if not cached
mtype turn[2] = idle;
bit turn_key[2];
byte turn_value[2];
mtype flip = none;            // what S is in the middle of
byte flip_step;
byte published_epoch;
bit published_owner;
mtype coordinator = ready;
byte asked_epoch;
bool repeated;
bool loaded[2];               // a front end has read the table and not yet pushed
bit loaded_owner[2];
byte loaded_epoch[2];

// ---- What the world knows: only the properties read it.
byte owner_was[16];           // by epoch and routing key: 0, or the owner and one
byte writes[2];
byte acknowledged[2];
byte newest;                  // number accepted last
byte changes;
byte crashes;
byte sent[2];
bool cancelled;

// ---- Within one step; nothing is left of them after it.
bit key = 0;
byte number = 0;
byte wanted = 0;
byte count = 0;
bit to = 0;
mtype what = none;

inline end_step() {
  key = 0; number = 0; wanted = 0; count = 0; to = 0; what = none
}

inline forget_all() {
  do
  :: mailbox[S]?_, _, _
  :: mailbox[N]?_, _, _
  :: command[S]?_, _
  :: command[N]?_, _
  :: answer?_
  :: empty(mailbox[S]) && empty(mailbox[N]) && empty(command[S]) && empty(command[N]) &&
     empty(answer) -> break
  od;
  flip = none; flip_step = 0; asked_epoch = 0; repeated = false;
  loaded[0] = false; loaded_owner[0] = 0; loaded_epoch[0] = 0;
  loaded[1] = false; loaded_owner[1] = 0; loaded_epoch[1] = 0
}

inline start_worker(w) {
  alive[w] = (w == S || stored_record == N);
  owns[w] = (stored_record == w);
  watched[w] = owns[w];  // watchers come back when they see the connection break
  epoch[w] = (alive[w] -> stored_epoch : 0);
  paused[w] = 0; moved[w] = false; cached[w] = 0;
  turn[w] = idle; turn_key[w] = 0; turn_value[w] = 0
}

inline publish() {
  published_epoch = stored_epoch;
  published_owner = stored_owner
}

inline start() {
  start_worker(S);
  start_worker(N);
  publish()
}

// ---- The workers.

inline acknowledge(w) {
  acknowledged[turn_key[w]]++;
  if
  :: turn_key[w] == MOVES -> MUST(watched[w], WATCHED)
  :: else -> skip
  fi
}

inline accept(w) {
  printf("%d accepts: routing key %d, number %d, epoch %d\n", w, key, number, wanted);
  MUST(epoch[w] == stored_epoch, CURRENT);
  MUST(wanted == 0 || wanted == stored_epoch, CURRENT);
  MUST(key == STAYS || owns[w], ONE_OWNER);
  MUST(owner_was[epoch[w] * 2 + key] == 0 || owner_was[epoch[w] * 2 + key] == w + 1, ONE_OWNER);
  owner_was[epoch[w] * 2 + key] = w + 1;
  if
  :: number != 0 -> MUST(number > newest, ORDERED); newest = number
  :: else -> skip
  fi;
  turn[w] = taken;
  turn_key[w] = key;
  if
  :: key == MOVES && cached[w] != 0 -> turn_value[w] = cached[w] + 1
  :: else -> turn_value[w] = stored_value[key] + 1
  fi;
  if
  :: key == MOVES -> cached[w] = turn_value[w]
  :: else -> skip
  fi;
#if !GUARD(ANSWER_AFTER_COMMIT)
  acknowledge(w)
#endif
}

inline take(w) {
  mailbox[w]?key, number, wanted;
  if
#if !GUARD(REDIRECTED_MAILBOX) || !GUARD(QUEUE_HANDED_OVER)
  // What seems to do as well: the worker passes on what it no longer owns.
  :: key == MOVES && !owns[w] -> mailbox[1 - w]!key, number, wanted
#endif
#if GUARD(EPOCH_CHECKED_BY_OWNER)
  :: wanted != 0 && wanted != epoch[w] -> printf("%d refuses epoch %d\n", w, wanted)
#endif
  :: else -> accept(w)
  fi
}

inline commit_turn(w) {
  stored_value[turn_key[w]] = turn_value[w];
  writes[turn_key[w]]++;
  MUST(stored_value[turn_key[w]] == writes[turn_key[w]] + 1, NOTHING_LOST)
}

// The one batch: table, shard records, end of the intent.
inline commit_records() {
  stored_record = stored_owner;
  stored_intent = none
}

inline commit_flip() {
  #if GUARD(EPOCH_RISES)
  stored_epoch++;
#endif
  stored_owner = (flip == split -> N : S);
  printf("S commits the flip: epoch %d, owner %d\n", stored_epoch, stored_owner);
#if GUARD(ONE_BATCH)
  commit_records();
#endif
  epoch[S] = stored_epoch
}

// What waits for MOVES goes to the end of the other mailbox, in order.
inline hand_queue_over(from) {
  count = len(mailbox[from]);
  do
  :: count > 0 ->
     mailbox[from]?key, number, wanted;
     to = (key == MOVES -> 1 - from : from);
     mailbox[to]!key, number, wanted;
     count--
  :: else -> break
  od
}

inline change_owner(from) {
  owns[from] = false; owns[1 - from] = true;
  moved[from] = true; moved[1 - from] = false;
#if GUARD(MEMORY_HANDED_OVER)
  watched[1 - from] = watched[from];
#endif
  watched[from] = false;
#if GUARD(CACHE_DROPPED)
  cached[from] = 0;
#endif
  skip
}

inline hand_over() {
  printf("what waits is handed over to %d\n", (flip == split -> N : S));
#if !GUARD(ONE_BATCH)
  commit_records();
#endif
  if
  :: flip == split ->
     change_owner(S);
     epoch[N] = epoch[S] + (GUARD(COMMIT_BEFORE_HAND_OVER) -> 0 : 1);
     alive[N] = true; paused[N] = 0; cached[N] = 0
#if GUARD(QUEUE_HANDED_OVER) && GUARD(HANDED_OVER_FIRST)
     ; hand_queue_over(S)
#endif
  :: else ->
     change_owner(N);
     alive[N] = false; paused[N] = 0; cached[N] = 0; epoch[N] = 0
#if GUARD(QUEUE_HANDED_OVER) && GUARD(HANDED_OVER_FIRST)
     ; hand_queue_over(N)
#endif
  fi
}

inline end_flip() {
  end_step();
  answer!stored_epoch - 1;
  flip = none;
  flip_step = 0
}

#if GUARD(FINISHED_TURN)
#define BETWEEN_TURNS(w) (turn[w] == idle)
#else
#define BETWEEN_TURNS(w) true
#endif

proctype Worker(bit w) {
end:
  do
  :: d_step {
       alive[w] && paused[w] == 0 && turn[w] == idle && nempty(mailbox[w]) &&
           (w == N || flip == none) ->
       take(w);
       end_step()
     }
  :: d_step { turn[w] == taken -> commit_turn(w); turn[w] = committed }
  :: d_step {
       turn[w] == committed ->
#if GUARD(ANSWER_AFTER_COMMIT)
       acknowledge(w);
#endif
       turn[w] = idle; turn_key[w] = 0; turn_value[w] = 0
     }
  od
}

proctype Changes() {
end:
  do
  // The owner of S changes the table between two turns, if it is still the table that was meant.
  :: d_step {
       flip == none && BETWEEN_TURNS(S) && nempty(command[S]) ->
       command[S]?what, wanted;
       if
#if GUARD(EXPECTED_EPOCH)
       :: wanted != epoch[S] -> printf("S refuses a change of epoch %d\n", wanted)
#endif
       :: else -> flip = what
       fi;
       end_step()
     }
#if GUARD(COMMIT_BEFORE_HAND_OVER)
  :: d_step { flip != none && flip_step == 0 -> commit_flip(); flip_step = 1 }
  :: d_step {
       flip != none && flip_step == 1 ->
       hand_over();
#if GUARD(HANDED_OVER_FIRST)
       end_flip()
#else
       flip_step = 2
#endif
     }
#else
  :: d_step { flip != none && flip_step == 0 -> hand_over(); flip_step = 1 }
  :: d_step { flip != none && flip_step == 1 -> commit_flip(); end_flip() }
#endif
#if !GUARD(HANDED_OVER_FIRST)
  :: d_step {
       flip_step == 2 ->
       if
       :: flip == split -> hand_queue_over(S)
       :: else -> hand_queue_over(N)
       fi;
       end_flip()
     }
#endif
  :: d_step {
       alive[N] && BETWEEN_TURNS(N) && nempty(command[N]) ->
       command[N]?what, wanted;
       paused[N] = (what == pause -> wanted : 0);
       end_step()
     }
  od
}

// ---- The coordinator.

inline ask(change) {
  asked_epoch = published_epoch;
  command[S]!change, asked_epoch;
  repeated = false;
  coordinator = asked
}

inline cancel_merge() {
  printf("the merge is cancelled\n");
  cancelled = true;
  stored_intent = none;
#if GUARD(RESUMED_AFTER_CANCEL)
  command[N]!resume, 0;
#endif
  coordinator = ready
}

#if GUARD(ANSWER_NAMES_ITS_CHANGE)
#define IS_PAUSED (paused[N] == changes)
#else
#define IS_PAUSED (paused[N] != 0)
#endif

proctype Coordinator() {
end:
  do
  :: d_step {
       coordinator == ready && stored_intent == none && changes < CHANGES_MAX ->
       changes++;
       stored_intent = (stored_owner == S -> split : merge);
       printf("intent: a new owner, %d\n", 1 - stored_owner);
       coordinator = intended
     }
  :: d_step { coordinator == intended && stored_intent == split -> ask(split) }
#if GUARD(PAUSED_BEFORE_MERGE)
  :: d_step { coordinator == intended && stored_intent == merge ->
       command[N]!pause, changes;
       coordinator = pausing
     }
  :: d_step { coordinator == pausing && IS_PAUSED -> ask(merge) }
  :: d_step { coordinator == pausing && IS_PAUSED && !cancelled -> cancel_merge() }
#else
  :: d_step { coordinator == intended && stored_intent == merge -> ask(merge) }
#endif
#if !GUARD(NO_LATE_CANCEL)
  :: d_step { coordinator == asked && stored_intent == merge && !cancelled -> cancel_merge() }
#endif
  // Impatience: the same change is asked for twice.
  :: d_step { coordinator == asked && !repeated && nfull(command[S]) ->
       repeated = true;
       command[S]!(stored_intent == none -> split : stored_intent), asked_epoch
     }
  :: d_step { coordinator == asked && nempty(answer) ->
       answer?_;
       publish();
       asked_epoch = 0; repeated = false;
       coordinator = ready
     }
  od
}

// ---- The front end: two threads. The first sends numbered requests without an epoch, the second
// one request with the epoch it knows.

// One step, under the lock of the mailbox.
inline push(f, pushed_key) {
  sent[f]++;
  key = pushed_key;
  number = (f == 0 -> sent[f] : 0);
  to = (key == MOVES -> loaded_owner[f] : S);
#if GUARD(REDIRECTED_MAILBOX)
  to = (key == MOVES && moved[to] -> 1 - to : to);
#endif
  printf("front end %d pushes to %d: routing key %d, number %d, epoch %d\n", f, to, key, number,
         loaded_epoch[f]);
  mailbox[to]!key, number, loaded_epoch[f];
  loaded[f] = false; loaded_owner[f] = 0; loaded_epoch[f] = 0;
  end_step()
}

proctype FrontEnd(bit f) {
end:
  do
  :: d_step { !loaded[f] && sent[f] < (f == 0 -> NUMBERED_MAX : 1) ->
       loaded[f] = true;
       loaded_owner[f] = published_owner;
       loaded_epoch[f] = (f == 0 -> 0 : published_epoch)
     }
  :: d_step { loaded[f] -> push(f, MOVES) }
  :: d_step { loaded[f] && f == 1 -> push(f, STAYS) }
  od
}

// ---- The crash, and the start after it.

inline crash() {
  crashes++;
  printf("crash\n");
  forget_all();
  MUST(acknowledged[STAYS] <= writes[STAYS] && acknowledged[MOVES] <= writes[MOVES], NOTHING_LOST);
  MUST(stored_owner == stored_record, AGREED);
  MUST(stored_intent == none || (stored_intent == split) == (stored_owner == S), AGREED);
  start()
}

#define CAN_CRASH (crashes < CRASHES_MAX)

proctype Crash() {
end:
  do
  :: d_step { CAN_CRASH && stored_intent == none -> crash(); coordinator = ready }
  // An intent is rolled back or forward.
  :: d_step { CAN_CRASH && stored_intent != none ->
       crash();
       stored_intent = none;
       coordinator = ready
     }
  :: d_step { CAN_CRASH && stored_intent != none -> crash(); coordinator = intended }
  od
}

// Ends once everything has been answered: a range that stays frozen leaves it waiting.
proctype EverythingIsAnswered() {
  sent[0] == NUMBERED_MAX && sent[1] == 1 && empty(mailbox[S]) && empty(mailbox[N]) &&
      turn[S] == idle && turn[N] == idle && stored_intent == none && flip == none
}

init {
  atomic {
    start();
    run Worker(S);
    run Worker(N);
    run Changes();
    run Coordinator();
    run FrontEnd(0);
    run FrontEnd(1);
    run Crash();
    run EverythingIsAnswered()
  }
}

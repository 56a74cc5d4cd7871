// Rehome: a shard's range is copied to another home by its owner, who goes on writing, with a crash
// at any step.
//
// The owner walks a cursor through the range, one key at a time. A mutation at or below the cursor
// goes to both homes, one above it only to the old. One batch switches the shard's record; then the
// old range is deleted. Readers on other threads find the home in the published table.
#include "guard.inc"

#define KEYS 2
#define REHOMES_MAX 2   // a second one goes back, or tries again
#define CRASHES_MAX 2
#define WRITES_MAX 3
#define READS_MAX 1

#define LAST_WRITE reads see the last write
#define KEPT nothing is lost or resurrected
#define CLEARED a home that is left holds nothing

mtype = { none, copying, abandoning, deleting };  // a rehome: its state
mtype = { idle, staged, half };                   // the owner: its turn
mtype = { uncalled, called, looked };             // a reader

// ---- On stable storage.
byte stored[4];               // by home and key: the version, or 0 if absent
bit stored_home = 0;          // the shard's record
byte stored_epoch = 1;
mtype stored_state = none;    // the record of the operation
bit stored_from = 0;
byte stored_cursor = 0;       // keys below it are copied

// ---- In memory.
mtype state = none;
byte cursor = 0;
mtype turn = idle;
byte turn_key = 0;
byte turn_value = 0;
bool turn_dual = false;
#if !GUARD(BOTH_IN_ONE_BATCH)
byte turn_before = 0;         // what the key held before
#endif
byte removed = 0;             // keys of the range that is being deleted
bit published_home = 0;
byte published_epoch = 1;
mtype read = uncalled;
bit read_home = 0;
byte read_epoch = 0;
byte read_key = 0;
byte read_value = 0;

// ---- What the world knows: only the properties read it.
byte truth[KEYS];             // by key: the version committed last, or 0 if it was deleted
byte current = 0;             // versions of read_key since the read was called, a bit each
byte writes = 0;
byte reads = 0;
byte rehomes = 0;
byte crashes = 0;

#define AT(home, key) stored[(home) * KEYS + (key)]
#define TO (1 - stored_from)

// A rehome reads and changes the homes between two turns: what a turn has staged, it does not see.
#if GUARD(FINISHED_TURN)
#define BETWEEN_TURNS (turn == idle)
#else
#define BETWEEN_TURNS true
#endif

#if GUARD(ALL_COPIED_FIRST)
#define ALL_COPIED (cursor == KEYS)
#else
#define ALL_COPIED (cursor == KEYS - 1)
#endif

// After the switch the old home is written to until nobody finds it in the published table.
#if GUARD(DUAL_UNTIL_PUBLISHED)
#define OLD_IS_READ (state == deleting && published_epoch != stored_epoch)
#else
#define OLD_IS_READ false
#endif

#if GUARD(DUAL_WRITES)
#define IS_COPIED(key) (state == copying && (key) < cursor)
#else
#define IS_COPIED(key) false
#endif

// ---- The owner's turns.

inline stage(key, value) {
  turn = staged;
  writes++;
  turn_key = key;
  turn_value = value;
  turn_dual = IS_COPIED(turn_key) || OLD_IS_READ;
  printf("write key %d: version %d, to %d home(s)\n", key, value, 1 + turn_dual)
}

inline becomes_true() {
  truth[turn_key] = turn_value;
  if
  :: read != uncalled && read_key == turn_key -> current = current | (1 << turn_value)
  :: else -> skip
  fi
}

inline end_turn() {
  turn = idle; turn_key = 0; turn_value = 0; turn_dual = false
}

#define CAN_WRITE (turn == idle && writes < WRITES_MAX)

proctype Owner() {
end:
  do
  :: d_step { CAN_WRITE -> stage(0, writes + 1) }
  :: d_step { CAN_WRITE -> stage(0, 0) }
  :: d_step { CAN_WRITE -> stage(1, writes + 1) }
  :: d_step { CAN_WRITE -> stage(1, 0) }
  :: d_step { turn == staged ->
#if !GUARD(BOTH_IN_ONE_BATCH)
       turn_before = truth[turn_key];
#endif
       AT(stored_home, turn_key) = turn_value;
       becomes_true();
#if GUARD(BOTH_IN_ONE_BATCH)
       if
       :: turn_dual -> AT(1 - stored_home, turn_key) = turn_value
       :: else -> skip
       fi;
       end_turn()
#else
       if
       :: turn_dual -> turn = half
       :: else -> end_turn()
       fi
#endif
     }
#if !GUARD(BOTH_IN_ONE_BATCH)
  :: d_step { turn == half -> AT(1 - stored_home, turn_key) = turn_value; end_turn() }
#endif
  od
}

// ---- The rehome: the owner's steps between its turns, each one batch.

inline copy_step() {
  printf("copy key %d: version %d\n", cursor, AT(stored_from, cursor));
  // A walk meets what is there: an absent key copies nothing.
  if
  :: AT(stored_from, cursor) != 0 -> AT(TO, cursor) = AT(stored_from, cursor)
  :: else -> skip
  fi;
  cursor++;
#if GUARD(CURSOR_IN_THE_BATCH)
  stored_cursor = cursor;
#endif
  skip
}

inline must_be_whole() {
  MUST(AT(stored_home, 0) == truth[0] && AT(stored_home, 1) == truth[1], KEPT)
}

inline note_deletion() {
  state = deleting;
  cursor = 0;
  removed = 0;
#if GUARD(DELETION_RECORDED)
  stored_state = deleting;
#else
  stored_state = none;
#endif
  stored_cursor = 0
}

inline switch_record() {
  printf("switch to home %d, epoch %d\n", TO, stored_epoch + 1);
  stored_home = TO;
  stored_epoch++;
  must_be_whole();
#if GUARD(ONE_SWITCH_BATCH)
  note_deletion()
#endif
}

inline end_rehome() {
  printf("the rehome has ended\n");
  MUST(AT(1 - stored_home, 0) == 0 && AT(1 - stored_home, 1) == 0, CLEARED);
  state = none;
  stored_state = none;
  stored_cursor = 0; cursor = 0; removed = 0
}

inline abandon() {
  printf("abandoned\n");
  state = abandoning;
  cursor = 0;
  stored_cursor = 0;
#if GUARD(CLEARED_WHEN_ABANDONED)
  stored_state = abandoning
#else
  state = none;
  stored_state = none
#endif
}

inline delete_step() {
  printf("delete key %d in home %d\n", removed, (state == abandoning -> TO : stored_from));
  AT((state == abandoning -> TO : stored_from), removed) = 0;
  removed++
}

#if GUARD(PUBLISHED_BEFORE_DELETION)
#define MAY_DELETE (state == abandoning || state == deleting && published_epoch == stored_epoch)
#else
#define MAY_DELETE (state == abandoning || state == deleting)
#endif

proctype Rehome() {
end:
  do
  :: d_step { BETWEEN_TURNS && state == none && rehomes < REHOMES_MAX ->
       printf("intent: to home %d\n", 1 - stored_home);
       rehomes++;
       state = copying;
       stored_state = copying;
       stored_from = stored_home
     }
  :: d_step { BETWEEN_TURNS && state == copying && stored_home == stored_from && cursor < KEYS ->
       copy_step()
     }
#if !GUARD(CURSOR_IN_THE_BATCH)
  :: d_step { state == copying && stored_cursor != cursor -> stored_cursor = cursor }
#endif
  :: d_step { BETWEEN_TURNS && state == copying && stored_home == stored_from && ALL_COPIED ->
       switch_record()
     }
#if !GUARD(ONE_SWITCH_BATCH)
  :: d_step { state == copying && stored_home != stored_from -> note_deletion() }
#endif
  :: d_step { BETWEEN_TURNS && state == copying && stored_home == stored_from -> abandon() }
  :: d_step { BETWEEN_TURNS && MAY_DELETE && removed < KEYS -> delete_step() }
  :: d_step { BETWEEN_TURNS && removed == KEYS -> end_rehome() }
  od
}

inline publish() {
  published_home = stored_home;
  published_epoch = stored_epoch
}

proctype Coordinator() {
end:
  do
  :: d_step { published_epoch != stored_epoch -> publish() }
  od
}

// ---- A read on another thread: the table, then the home it names, then the table again.

inline look_up() {
  read = called;
  read_home = published_home;
  read_epoch = published_epoch
}

inline call_read(key) {
  read_key = key;
  current = 1 << truth[key];
#if !GUARD(BOTH_IN_ONE_BATCH)
  // Not answered yet, so a read may still miss it.
  if
  :: turn == half && turn_key == key -> current = current | (1 << turn_before)
  :: else -> skip
  fi;
#endif
  look_up()
}

inline forget_read() {
  read = uncalled; read_home = 0; read_epoch = 0; read_key = 0; read_value = 0; current = 0
}

inline return_read() {
  printf("read key %d in home %d: version %d\n", read_key, read_home, read_value);
  MUST((current & (1 << read_value)) != 0, LAST_WRITE);
  reads++;
  forget_read()
}

proctype Reader() {
end:
  do
  :: d_step { read == uncalled && reads < READS_MAX -> call_read(0) }
  :: d_step { read == uncalled && reads < READS_MAX -> call_read(1) }
  :: d_step { read == called -> read_value = AT(read_home, read_key); read = looked }
  :: d_step { read == looked ->
       if
#if GUARD(TABLE_LOOKED_AT_AGAIN)
       :: published_epoch != read_epoch -> read_value = 0; look_up()
#endif
       :: else -> return_read()
       fi
     }
  od
}

// ---- The crash, and the start after it.

inline crash() {
  printf("crash\n");
  crashes++;
  end_turn();
  forget_read();
  must_be_whole();
  publish();
  removed = 0;
  cursor = stored_cursor;
  state = stored_state
}

proctype Crash() {
end:
  do
  :: d_step { crashes < CRASHES_MAX -> crash() }
  :: d_step { crashes < CRASHES_MAX && stored_state == copying -> crash(); abandon() }
  od
}

// Ends once there is nothing left to do: a rehome that hangs leaves it waiting.
proctype EverythingIsDone() {
  writes == WRITES_MAX && reads == READS_MAX && turn == idle && state == none
}

init {
  atomic {
    truth[0] = 1;
    truth[1] = 1;
    AT(stored_home, 0) = 1;
    AT(stored_home, 1) = 1;
    run Owner();
    run Rehome();
    run Coordinator();
    run Reader();
    run Crash();
    run EverythingIsDone()
  }
}

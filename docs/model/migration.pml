/*
 * The hand-over of one guest between two agents, as packages/core/src/migration has it, in a world where everything
 * may die: `npm run model` checks it, and that seeded faults are caught. States, facts and journal entries bear the
 * names of the code (s_, d_, f_ and j_ before them); a test fails when the two drift apart.
 *
 * What is there: both agents with their durable journals, killed and started again anywhere; one session whose
 * messages come in any order or not at all; questions whose answers are lost; the record, whose server goes away,
 * answers late and may lose its last write once; both QEMUs, which may die; one mirror a disk, which may fail before
 * and after READY; a user who cancels or destroys. An operator may fence a destination that lies dead.
 *
 * NATS does not lose a fence: an operator's word is for a cluster, or a server that syncs (docs/migration.md).
 *
 * Post-copy, from the wish for it on, is in postcopy.pml. A test fails when the code has a phase, a fact or a journal entry
 * that is in neither of the two.
 *
 * What is left out: offline moves, tokens (they follow the record), progress, and all that only costs time.
 */

/* How many things go wrong in one run, of whatever kind and whenever: a process killed, a session broken, NATS away,
   its last write lost, a mirror failed, a QEMU dead, a user who cancels. */
#ifndef FAULTS
#define FAULTS 2
#endif
#ifndef FENCES
#define FENCES 0        /* an operator says of a dead destination that it is dead */
#endif
#ifndef DISKS
#define DISKS 1
#endif

/* Seeded faults: with any of them the model must fail. */
#ifndef DROP_RECORD
#define DROP_RECORD 0       /* the destination resumes when it has loaded, without a decision */
#endif
#ifndef RESUME_ON_LOST_REPLY
#define RESUME_ON_LOST_REPLY 0  /* the source goes back when the answer of the record is lost */
#endif
#ifndef TRUST_READY
#define TRUST_READY 0       /* a mirror that was READY counts as copied */
#endif
#ifndef TRUST_RECORD_IN_DOUBT
#define TRUST_RECORD_IN_DOUBT 0 /* a source in doubt goes back because the record says so */
#endif
#ifndef TRUST_UNDECIDED
#define TRUST_UNDECIDED 0   /* a source in doubt believes a record that is still undecided */
#endif
#ifndef FORGET_JOURNAL
#define FORGET_JOURNAL 0    /* the record is written before "deciding" is journalled */
#endif
#ifndef HASTY_PROMISE
#define HASTY_PROMISE 0     /* the promise is given before it is durable */
#endif
#ifndef UNJOURNALLED_RESUME
#define UNJOURNALLED_RESUME 0   /* the destination resumes before its journal says so */
#endif
#ifndef GIVE_UP_DOUBT
#define GIVE_UP_DOUBT 0     /* a source in doubt does not ask the destination */
#endif
#ifndef FORGET_TOKEN
#define FORGET_TOKEN 0      /* a destination killed before it took the run token does not take it when it comes back */
#endif
#ifndef HASTY_TAKE_BACK
#define HASTY_TAKE_BACK 0   /* an operator who says of a destination that it is off, and is wrong */
#endif
#ifndef CALL_REFUSED_HOME
#define CALL_REFUSED_HOME 0 /* a guest that its hypervisor does not let go on is told as home */
#endif

mtype:source = { s_preparing, s_copying, s_sending, s_switching, s_loading, s_deciding, s_inDoubt, s_resuming,
  s_retiring, s_aborting, s_completed, s_failed, s_cancelled };
mtype:destination = { d_preparing, d_prepared, d_loaded, d_resuming, d_running, d_discarding, d_promising,
  d_discarded };
mtype:entry = { j_none, j_begun, j_deciding, j_decided, j_resumed, j_aborting, j_resuming, j_promised, j_ended };
mtype:fact = {
  /* the source's hypervisor */
  f_mirrorReady, f_mirrorFailed, f_mirrorConcluded, f_switchover, f_sent, f_memoryFailed, f_guestIoError,
  f_sourceExited, f_rolledBack, f_retired,
  /* the destination's hypervisor */
  f_prepared, f_prepareFailed, f_loaded, f_incomingFailed, f_running, f_resumeFailed, f_discarded,
  /* the other agent */
  f_peerPrepared, f_peerLoaded, f_peerResumed, f_peerFailed, f_peerDiscarded, f_peerLost, f_peerStanding,
  f_sourceMirrorsConcluded, f_sourceDecided, f_sourceAborted, f_sourceLost, f_sourceRetired, f_promiseDemanded,
  /* the record, the journal, the user, the machine's own commands */
  f_recordDestination, f_recordSource, f_recordUnknown, f_journalled, f_cancelled, f_destroyed, f_timedOut,
  f_takenBack, f_letGo, f_patienceOver, f_commandFailed, f_retryDue };
mtype:record = { r_undecided, r_source, r_destination };
mtype:mirror = { m_none, m_copying, m_ready, m_failed, m_concluded };
mtype:memory = { x_idle, x_sending, x_stopped, x_loading, x_sent, x_over };
/* What the destination's agent does, one after the other. */
mtype:work = { w_none, w_begun, w_prepare, w_resuming, w_resume, w_resumed, w_adopt, w_promise };
mtype:question = { q_none, q_where, q_promise };

/* -------- the world -------- */
bool sAlive = 1, srun = 1;             /* the source's QEMU, and its CPUs */
bool dAlive = 0, drun = 0, everRan = 0; /* the destination's */
bool crashedThere = 0;                 /* it died after the decision was journalled there */
mtype:memory memory = x_idle;
mtype:mirror mirror[DISKS];
bool readyTold[DISKS], concluding = 0;
mtype:record rec = r_undecided, recBefore = r_undecided;
bool natsUp = 1, writeUnderWay = 0;
bool session = 0;
byte faults = FAULTS, fences = FENCES;

/* Messages on the session, in no order. */
bool prepared_, loaded_, resumed_, failed_, discarded_;   /* to the source */
bool decided_, abort_;                                    /* to the destination */
bool sLostPeer = 0, dLostSource = 0;   /* the end of the session, still to be noticed */

/* -------- the source's agent -------- */
bool sUp = 1;
mtype:source s = s_preparing;
mtype:entry sj = j_begun;              /* durable */
bool fencing = 0, fenced = 0;          /* durable */
bool sToken = 1;                       /* durable: this host may run it */
byte ready = 0, concluded = 0;         /* as far as it has heard, a bit a disk */
bool journalled = 0, loadedHeard = 0;
bool homeOver = 0, homeLost = 0, awayOver = 0;
/* Effects that were begun and are not done. */
bool offer = 1, rollBack = 0, tellAbort = 0, closeRecord = 0, patience = 0, fence = 0, decide = 0, retire = 0;
bool tellDecided = 0, startMirrors = 0, sendMemory = 0, continueSwitchover = 0;
bool surrender = 0;
bool jDeciding = 0, jDecided = 0, jAborting = 0, jResumed = 0;
mtype:record answer = r_undecided; bool answered = 0;     /* of the record */
mtype:question asking = q_none;

/* -------- the destination's agent -------- */
bool dUp = 1, dLive = 0;               /* dLive: it has a machine of this migration in memory */
mtype:destination d = d_preparing;
mtype:entry dj = j_none;               /* durable */
bool withdrawing = 0, withdrawn = 0, dDied = 0, refused = 0, loadedTold = 0;
mtype:record withdrawal = r_undecided;
mtype:work work = w_none;
bool discardNext = 0;                  /* to be discarded when what is being done is done */
bool dToken = 0;                       /* durable */
bool taken = 0, released = 0;          /* durable: an operator took the guest back, or left it there */
bool confirming = 0;                   /* started again, it asks first whether somebody took the guest back */

#define ALL ((1 << DISKS) - 1)
#define SYNCED (concluded_ == ALL)
byte concluded_ = 0;                   /* what is really so, a bit a disk */

#define UNDECIDED (s == s_preparing || s == s_copying || s == s_sending || s == s_switching || s == s_loading)
#define S_OVER (s == s_completed || s == s_failed || s == s_cancelled)
#define D_OVER (!dLive || d == d_running || d == d_discarded)
#define ENDED (sj == j_ended && !dLive && dUp && (dj == j_none || dj == j_ended) && (!fencing || fenced))

inline says(who, f) { printf("MSC: %e\n", f) }

inline checkRun() {
  assert(!(srun && drun));               /* never twice */
  assert(!drun || SYNCED);               /* never on a half copy */
  assert(!drun || memory == x_sent || memory == x_over);
  assert(!(srun && everRan) || taken);   /* who ran there is not run here again: but for an operator's word */
}

inline breakSession() {
  if
  :: session ->
     session = 0; prepared_ = 0; loaded_ = 0; resumed_ = 0; failed_ = 0; discarded_ = 0; decided_ = 0; abort_ = 0;
     if :: sUp && !S_OVER -> sLostPeer = 1 :: else fi;
     if :: dUp && dLive -> dLostSource = 1 :: else fi
  :: else
  fi
}

inline writeRecord(to) { recBefore = rec; rec = to }

/* -------- moves of the source (source-moves.ts) -------- */
inline toAborting(guestLost, gone) {
  s = s_aborting; homeLost = guestLost; homeOver = guestLost; awayOver = gone;
  rollBack = !guestLost; tellAbort = !gone; jAborting = 1; closeRecord = 1; patience = !gone;
  decide = 0; offer = 0; startMirrors = 0; sendMemory = 0; tellDecided = 0; asking = q_none
}
inline toPromised() { toAborting(!sAlive, 1); closeRecord = 0; fence = 1 }
inline toDoubt() { s = s_inDoubt; asking = (GIVE_UP_DOUBT -> q_none : q_promise) }
inline toDecided(lost) {
  s = s_resuming; jDecided = 1;
  if :: lost -> asking = q_where :: else -> tellDecided = 1 fi
}
inline toRetiring() { s = s_retiring; retire = 1; surrender = 1; jResumed = 1; asking = q_none; tellDecided = 0 }
inline toLoading() {
  s = s_loading; continueSwitchover = 1; journalled = FORGET_JOURNAL; loadedHeard = 0; jDeciding = 1
}
inline decideWhenBoth() { if :: journalled && loadedHeard -> s = s_deciding; decide = 1 :: else fi }

/* Forgets what only memory held. */
inline forgetSource() {
  offer = 0; rollBack = 0; tellAbort = 0; closeRecord = 0; patience = 0; fence = 0; decide = 0; retire = 0; surrender = 0;
  tellDecided = 0; startMirrors = 0; sendMemory = 0; continueSwitchover = 0;
  jDeciding = 0; jDecided = 0; jAborting = 0; jResumed = 0; answered = 0; answer = r_undecided; asking = q_none;
  ready = 0; concluded = 0; journalled = 0; loadedHeard = 0; homeOver = 0; homeLost = 0; awayOver = 0;
  sLostPeer = 0
}

active proctype Source() {
  byte i;
end:
  do
  /* ---- effects ---- */
  :: atomic { sUp && offer ->
       offer = 0;
       if :: dUp && dj == j_none && !refused && !dLive ->
             session = 1; dLive = 1; d = d_preparing; work = w_begun; dDied = 0; withdrawing = 0
          :: else -> sLostPeer = 1 fi }
  :: atomic { sUp && startMirrors ->
       startMirrors = 0;
       for (i : 0 .. DISKS - 1) { mirror[i] = (dAlive -> m_copying : m_failed) } ; i = 0 }
  :: atomic { sUp && sendMemory -> sendMemory = 0; memory = (dAlive && sAlive -> x_sending : x_over) }
  :: atomic { sUp && continueSwitchover ->
       continueSwitchover = 0;
       if :: memory == x_stopped -> memory = x_loading :: else fi }
  :: atomic { sUp && jDeciding -> jDeciding = 0; sj = j_deciding;
       /* fact journalled */
       if :: s == s_loading -> says(0, f_journalled); journalled = 1; decideWhenBoth() :: else fi }
  :: atomic { sUp && !jDeciding && jDecided -> jDecided = 0; sj = j_decided }
  :: atomic { sUp && !jDeciding && !jDecided && fence -> fence = 0; fencing = 1 }
  :: atomic { sUp && !jDeciding && !jDecided && !fence && jAborting -> jAborting = 0; sj = j_aborting }
  :: atomic { sUp && !jDecided && jResumed -> jResumed = 0; sj = j_resumed }
  :: atomic { sUp && fencing && !fenced && natsUp -> writeRecord(r_source); writeUnderWay = 0; fenced = 1; sToken = 1 }
  :: atomic { sUp && rollBack -> rollBack = 0;
       if
       :: sAlive -> srun = 1; memory = x_over; checkRun();
          says(0, f_rolledBack); homeOver = 1
       :: else -> says(0, f_sourceExited); homeOver = 1; homeLost = 1
       fi }
  /* Refused this time: it is not home before it runs, or its QEMU has ended. */
  :: atomic { sUp && rollBack && sAlive && faults > 0 -> faults--; says(0, f_commandFailed);
       if
       :: CALL_REFUSED_HOME -> rollBack = 0; homeOver = 1
       :: else -> says(0, f_retryDue)
       fi }
  :: atomic { sUp && tellAbort ->
       tellAbort = 0;
       if
       :: session -> abort_ = 1
       :: !session && dUp && dLive -> session = 1; dLostSource = 0; abort_ = 1
       /* Nothing live there: what its journal does not know it promises never to run. */
       :: !session && dUp && !dLive && !everRan && !crashedThere ->
          refused = 1; session = 1; discarded_ = 1
       :: !session && (!dUp || (!dLive && (everRan || crashedThere))) -> sLostPeer = 1
       fi }
  :: atomic { sUp && closeRecord -> closeRecord = 0;
       if :: natsUp && rec == r_undecided -> writeRecord(r_source) :: true fi }
  :: atomic { sUp && tellDecided -> tellDecided = 0; if :: session -> decided_ = 1 :: else fi }
  :: atomic { sUp && decide -> decide = 0; writeUnderWay = 1 }
  :: atomic { sUp && surrender -> surrender = 0; sToken = 0 }
  :: atomic { sUp && retire -> retire = 0; sAlive = 0; srun = 0; says(0, f_retired); s = s_completed }
  /* the end; the fence may still have to be put up */
  :: atomic { sUp && S_OVER && sj != j_ended && !jDeciding && !jDecided && !jAborting && !jResumed && !fence && !surrender ->
       sj = j_ended; if :: session -> session = 0; dLostSource = dLive :: else fi }

  /* ---- facts, phase by phase (source.ts) ---- */
  :: atomic { sUp && s == s_preparing && prepared_ -> prepared_ = 0; says(0, f_peerPrepared); s = s_copying; startMirrors = 1 }
  :: atomic { sUp && s == s_copying && readyTold[0] && (DISKS == 1 || readyTold[DISKS - 1]) ->
       says(0, f_mirrorReady); ready = ALL; s = s_sending; sendMemory = 1 }
  :: atomic { sUp && s == s_sending && memory == x_stopped ->
       says(0, f_switchover); s = s_switching; concluding = 1;
       if :: TRUST_READY -> toLoading() :: else fi }
  :: atomic { sUp && s == s_switching && concluded_ == ALL -> says(0, f_mirrorConcluded); toLoading() }
  :: atomic { sUp && s == s_loading && loaded_ -> loaded_ = 0; says(0, f_peerLoaded); loadedHeard = 1; decideWhenBoth() }
  /* Setbacks before the decision. In loading, with everything there, the source's process is not needed any more. */
  :: atomic { sUp && UNDECIDED && !(s == s_loading && TRUST_READY) &&
       (mirror[0] == m_failed || mirror[DISKS - 1] == m_failed) -> says(0, f_mirrorFailed); toAborting(!sAlive, 0) }
  :: atomic { sUp && (s == s_sending || s == s_switching || (s == s_loading && !loadedHeard)) && memory == x_over ->
       says(0, f_memoryFailed); toAborting(!sAlive, 0) }
  :: atomic { sUp && UNDECIDED && !(s == s_loading && loadedHeard) && !sAlive -> says(0, f_sourceExited); toAborting(1, 0) }
  :: atomic { sUp && UNDECIDED && failed_ -> failed_ = 0; says(0, f_peerFailed); toAborting(!sAlive, 1) }
  :: atomic { sUp && UNDECIDED && discarded_ -> discarded_ = 0; says(0, f_peerDiscarded); toAborting(!sAlive, 1) }
  :: atomic { sUp && UNDECIDED && sLostPeer -> sLostPeer = 0; says(0, f_peerLost); toAborting(!sAlive, 0) }
  :: atomic { sUp && UNDECIDED && faults > 0 -> faults--;
       if
       :: says(0, f_cancelled); toAborting(!sAlive, 0)
       :: says(0, f_timedOut); toAborting(!sAlive, 0)
       :: says(0, f_guestIoError); toAborting(!sAlive, 0)
       :: says(0, f_commandFailed); toAborting(!sAlive, 0)
       :: says(0, f_destroyed); sAlive = 0; srun = 0; toAborting(1, 0)
       fi }

  /* deciding, in doubt, resuming (source-decision.ts) */
  :: atomic { sUp && s == s_deciding && answered && answer == r_destination ->
       answered = 0; says(0, f_recordDestination); toDecided(sLostPeer); sLostPeer = 0 }
  :: atomic { sUp && s == s_deciding && answered && answer == r_source ->
       answered = 0; says(0, f_recordSource); toAborting(!sAlive, 0) }
  :: atomic { sUp && s == s_deciding && !decide && !answered ->
       says(0, f_recordUnknown); if :: RESUME_ON_LOST_REPLY -> toAborting(!sAlive, 0) :: else -> toDoubt() fi }
  :: atomic { sUp && s == s_inDoubt && natsUp && rec == r_destination -> says(0, f_recordDestination); toDecided(1) }
  /* It may have told the destination before it was killed, and what the record says may have been written over a
     decision that its server lost: only the destination's own word sends the guest back. */
  :: atomic { sUp && s == s_inDoubt && TRUST_RECORD_IN_DOUBT && natsUp && rec == r_source ->
       says(0, f_recordSource); toAborting(!sAlive, 0) }
  :: atomic { sUp && s == s_inDoubt && TRUST_UNDECIDED && natsUp && rec == r_undecided -> toAborting(!sAlive, 0) }
  :: atomic { sUp && (s == s_inDoubt || s == s_resuming) && resumed_ -> resumed_ = 0; says(0, f_peerResumed); toRetiring() }
  :: atomic { sUp && (s == s_deciding || s == s_inDoubt || s == s_resuming) && failed_ ->
       failed_ = 0; says(0, f_peerFailed); toPromised() }
  :: atomic { sUp && (s == s_deciding || s == s_inDoubt || s == s_resuming) && discarded_ ->
       discarded_ = 0; says(0, f_peerDiscarded); toPromised() }
  :: atomic { sUp && s == s_inDoubt && sLostPeer -> sLostPeer = 0; says(0, f_peerLost); asking = (GIVE_UP_DOUBT -> q_none : q_promise) }
  :: atomic { sUp && s == s_resuming && sLostPeer -> sLostPeer = 0; says(0, f_peerLost); tellDecided = 0;
       if :: asking == q_none -> asking = q_where :: else fi }
  /* An operator's word, that the destination is off: record and run token say so before the source goes on. */
  :: atomic { sUp && fences > 0 && natsUp && (s == s_resuming || s == s_inDoubt) && !dUp && (HASTY_TAKE_BACK || !dAlive) ->
       fences--; taken = 1; says(0, f_takenBack); toPromised() }
  /* Or that the guest is left to it. */
  :: atomic { sUp && fences > 0 && s == s_resuming && !dUp -> fences--; released = 1; says(0, f_letGo); toRetiring() }

  /* giving up (source-abort.ts) */
  :: atomic { sUp && s == s_aborting && !homeOver && !rollBack && !sAlive -> says(0, f_sourceExited); homeOver = 1; homeLost = 1 }
  :: atomic { sUp && s == s_aborting && discarded_ -> discarded_ = 0; says(0, f_peerDiscarded); awayOver = 1 }
  :: atomic { sUp && s == s_aborting && failed_ -> failed_ = 0; says(0, f_peerFailed); awayOver = 1 }
  :: atomic { sUp && s == s_aborting && sLostPeer -> sLostPeer = 0; says(0, f_peerLost); awayOver = 1; tellAbort = 0 }
  :: atomic { sUp && s == s_aborting && patience && !awayOver -> patience = 0; says(0, f_patienceOver); awayOver = 1 }
  :: atomic { sUp && s == s_aborting && homeOver && awayOver && !tellAbort && !closeRecord ->
       if :: s = s_failed :: s = s_cancelled fi }
  /* Facts that come too late and change nothing. */
  :: atomic { sUp && prepared_ && s != s_preparing -> prepared_ = 0 }
  :: atomic { sUp && loaded_ && s != s_loading -> loaded_ = 0 }
  :: atomic { sUp && resumed_ && (s == s_retiring || S_OVER) -> resumed_ = 0 }
  :: atomic { sUp && (s == s_retiring || S_OVER) && (failed_ || discarded_) -> failed_ = 0; discarded_ = 0 }
  :: atomic { sUp && (s == s_retiring || S_OVER) && sLostPeer -> sLostPeer = 0 }
  :: atomic { sUp && answered && s != s_deciding -> answered = 0 }

  /* ---- killed, and started again (restartSource) ---- */
  :: atomic { sUp && faults > 0 && sj != j_ended ->
       faults--; sUp = 0; forgetSource(); breakSession(); sLostPeer = 0 }
  :: atomic { !sUp ->
       sUp = 1;
       if
       :: sj == j_begun || sj == j_aborting -> toAborting(!sAlive, 0)
       :: sj == j_deciding -> toDoubt()
       :: sj == j_decided -> s = s_resuming; asking = q_where
       :: sj == j_resumed -> toRetiring(); jResumed = 0
       fi }
  od
}

/* Asks the destination where it stands, until it answers; the answer may be lost, then it is asked again. */
active proctype Question() {
end:
  do
  :: atomic { asking == q_promise && sUp && dUp && dLive && d != d_running && d != d_resuming && d != d_discarding &&
       d != d_promising && d != d_discarded ->
       says(1, f_promiseDemanded); discardNext = 1; d = d_discarding }
  :: atomic { asking != q_none && sUp && dUp && dLive && (d == d_running || d == d_discarded) ->
       /* fact peerStanding: resumed or promised */
       says(0, f_peerStanding); asking = q_none; session = 1;
       if
       :: (s == s_inDoubt || s == s_resuming) && d == d_running -> toRetiring()
       :: (s == s_inDoubt || s == s_resuming) && d == d_discarded -> toPromised()
       :: else
       fi }
  /* Not yet resumed: it is told again, or its news is waited for on a new session. */
  :: atomic { asking == q_where && sUp && dUp && dLive && (d == d_loaded || d == d_prepared || d == d_preparing) ->
       says(0, f_peerStanding); asking = q_none; session = 1; dLostSource = 0; if :: s == s_resuming -> tellDecided = 1 :: else fi }
  :: atomic { asking != q_none && sUp && dUp && dLive && d == d_resuming ->
       says(0, f_peerStanding); asking = q_none; session = 1; dLostSource = 0;
       if :: s == s_inDoubt -> s = s_resuming; asking = q_where :: else fi }
  /* Nothing live: the journal answers, and promises if asked to. */
  :: atomic { asking != q_none && sUp && dUp && !dLive ->
       says(0, f_peerStanding);
       if
       :: !refused && (everRan || crashedThere) -> asking = q_none; if :: s == s_inDoubt || s == s_resuming -> toRetiring() :: else fi
       :: else ->
          if
          :: asking == q_promise || refused || dj == j_promised -> refused = 1; asking = q_none;
             if :: s == s_inDoubt || s == s_resuming -> toPromised() :: else fi
          :: else -> asking = q_promise
          fi
       fi }
  od
}

inline setbackThere() { d = d_discarding; discardNext = 1 }

active proctype Destination() {
end:
  do
  /* ---- effects, one after the other ---- */
  :: atomic { dUp && dLive && work == w_begun -> dj = j_begun; says(1, f_journalled);
       work = (d == d_preparing -> w_prepare : w_none) }
  :: atomic { dUp && dLive && work == w_prepare -> work = w_none;
       if
       :: dAlive = 1; if :: d == d_preparing -> says(1, f_prepared); d = d_prepared; prepared_ = session :: else fi
       :: d == d_preparing && faults > 0 -> faults--; says(1, f_prepareFailed); d = d_promising; work = w_promise
       fi }
  :: atomic { dUp && dLive && work == w_resuming ->
       if
       :: dj = j_resuming; says(1, f_journalled); work = (d == d_resuming -> w_resume : w_none)
       /* Its disk is full: it has not accepted. */
       :: d == d_resuming && faults > 0 -> faults--; says(1, f_commandFailed); work = w_none; setbackThere()
       fi }
  :: atomic { dUp && dLive && work == w_resume && d == d_resuming && !confirming ->
       if
       :: dAlive -> drun = 1; everRan = 1; checkRun(); says(1, f_running); d = d_running; work = w_resumed; resumed_ = session
       :: !dAlive -> says(1, f_resumeFailed); work = w_none; setbackThere()
       fi }
  :: atomic { dUp && dLive && work == w_resume && d != d_resuming -> work = w_none }
  :: atomic { dUp && dLive && work == w_resumed -> dj = j_resumed; says(1, f_journalled); work = w_adopt }
  :: atomic { dUp && dLive && work == w_adopt -> dToken = 1; work = w_none; dLive = 0; dj = j_ended }
  :: atomic { dUp && dLive && work == w_none && discardNext ->
       discardNext = 0; assert(!drun); dAlive = 0; if :: memory != x_idle && memory != x_sent -> memory = x_over :: else fi;
       says(1, f_discarded); d = d_promising; work = w_promise;
       if :: HASTY_PROMISE -> failed_ = session :: else fi }
  :: atomic { dUp && dLive && work == w_promise -> dj = j_promised; says(1, f_journalled); d = d_discarded; work = w_none;
       if :: session -> if :: failed_ = 1 :: discarded_ = 1 fi :: else fi; refused = 1; dLive = 0; dj = j_ended }

  /* ---- facts (destination.ts) ---- */
  :: atomic { dUp && dLive && d == d_prepared && memory == x_sent && !loadedTold ->
       says(1, f_loaded); loadedTold = 1; d = d_loaded; loaded_ = session }
  :: atomic { dUp && dLive && d == d_loaded && DROP_RECORD && !withdrawing -> d = d_resuming; work = w_resuming }
  :: atomic { dUp && dLive && (d == d_loaded || d == d_prepared) && decided_ -> decided_ = 0; says(1, f_sourceDecided);
       d = d_resuming; work = (UNJOURNALLED_RESUME -> w_resume : w_resuming) }
  :: atomic { dUp && dLive && (d == d_preparing || d == d_prepared || d == d_loaded) && abort_ ->
       abort_ = 0; says(1, f_sourceAborted); setbackThere() }
  :: atomic { dUp && dLive && (d == d_prepared || d == d_loaded || d == d_resuming) && dDied && !confirming ->
       dDied = 0; says(1, f_incomingFailed); setbackThere() }
  :: atomic { dUp && dLive && (d == d_preparing || d == d_prepared) && dLostSource ->
       dLostSource = 0; says(1, f_sourceLost); if :: withdrawing :: else -> setbackThere() fi }
  :: atomic { dUp && dLive && d == d_loaded && dLostSource -> dLostSource = 0; says(1, f_sourceLost); withdrawing = 1 }
  /* Withdrawing: compare-and-set, and what came of it. */
  :: atomic { dUp && dLive && (d == d_loaded || d == d_prepared) && withdrawing && !withdrawn && natsUp ->
       if :: rec == r_undecided -> writeRecord(r_source) :: else fi; withdrawal = rec; withdrawn = 1 }
  :: atomic { dUp && dLive && (d == d_loaded || d == d_prepared) && withdrawing && withdrawn && withdrawal == r_destination ->
       withdrawn = 0; withdrawal = r_undecided; says(1, f_recordDestination); d = d_resuming; work = w_resuming }
  :: atomic { dUp && dLive && (d == d_loaded || d == d_prepared) && withdrawing && withdrawn && withdrawal == r_source ->
       withdrawn = 0; withdrawal = r_undecided; says(1, f_recordSource); setbackThere() }
  /* Too late to matter; sourceMirrorsConcluded and sourceRetired close exports and books. */
  :: atomic { dUp && dLive && d != d_loaded && d != d_prepared && decided_ -> decided_ = 0 }
  :: atomic { dUp && dLive && d != d_preparing && d != d_prepared && d != d_loaded && abort_ ->
       if :: says(1, f_sourceMirrorsConcluded) :: says(1, f_sourceRetired) fi; abort_ = 0 }
  :: atomic { dUp && dLive && d != d_preparing && d != d_prepared && d != d_loaded && dLostSource -> dLostSource = 0 }

  /* ---- killed, and started again (restartDestination) ---- */
  :: atomic { dUp && faults > 0 && dLive ->
       faults--; dUp = 0; dLive = 0; withdrawing = 0; withdrawn = 0; withdrawal = r_undecided; work = w_none;
       discardNext = 0; dDied = 0; loadedTold = 0; confirming = 0; breakSession(); dLostSource = 0 }
  :: atomic { !dUp ->
       dUp = 1;
       if
       :: dj == j_begun && dAlive -> dLive = 1; d = d_prepared; withdrawing = 1
       :: dj == j_begun && !dAlive -> dLive = 1; setbackThere()
       :: dj == j_resuming -> dLive = 1; d = d_resuming; confirming = 1
       :: dj == j_resumed && FORGET_TOKEN -> dj = j_ended
       :: dj == j_resumed && !FORGET_TOKEN -> dLive = 1; d = d_running; work = w_adopt
       :: dj == j_promised -> dj = j_ended; refused = 1
       :: else
       fi }
  :: atomic { dUp && dLive && confirming && natsUp ->
       confirming = 0; dDied = 0;
       if
       :: taken -> says(1, f_recordSource); drun = 0; setbackThere()
       :: !taken && dAlive && !drun -> says(1, f_recordDestination); work = w_resume
       /* It runs already: then it is not resumed a second time. */
       :: !taken && dAlive && drun -> says(1, f_recordDestination); d = d_running; work = w_resumed; resumed_ = session
       :: !taken && !dAlive -> says(1, f_recordDestination); d = d_running; work = w_resumed; resumed_ = session; crashedThere = 1
       fi }
  /* Taken back after it had been adopted here: what is left of it ends, and its token goes. */
  :: atomic { dUp && !dLive && taken && natsUp && (dToken || dAlive) -> dToken = 0; dAlive = 0; drun = 0 }
  od
}

/* Both hypervisors. */
active proctype Qemus() {
end:
  do
  :: atomic { mirror[0] == m_copying && sAlive && dAlive -> mirror[0] = m_ready; readyTold[0] = 1 }
#if DISKS > 1
  :: atomic { mirror[1] == m_copying && sAlive && dAlive -> mirror[1] = m_ready; readyTold[1] = 1 }
#endif
  /* It fails: out of space, the link, a source that cannot be read; before or after READY. */
  :: atomic { faults > 0 && (mirror[0] == m_copying || mirror[0] == m_ready) -> faults--; mirror[0] = m_failed }
#if DISKS > 1
  :: atomic { faults > 0 && (mirror[1] == m_copying || mirror[1] == m_ready) -> faults--; mirror[1] = m_failed }
#endif
  :: atomic { (mirror[0] == m_copying || mirror[0] == m_ready) && !dAlive -> mirror[0] = m_failed }
  :: atomic { concluding && mirror[0] == m_ready && dAlive -> mirror[0] = m_concluded; concluded_ = concluded_ | 1 }
#if DISKS > 1
  :: atomic { concluding && mirror[1] == m_ready && dAlive -> mirror[1] = m_concluded; concluded_ = concluded_ | 2 }
  :: atomic { (mirror[1] == m_copying || mirror[1] == m_ready) && !dAlive -> mirror[1] = m_failed }
#endif
  :: atomic { memory == x_sending && sAlive && dAlive -> memory = x_stopped; srun = 0 }
  :: atomic { memory == x_loading && sAlive && dAlive -> memory = x_sent; says(0, f_sent) }
  :: atomic { (memory == x_sending || memory == x_stopped || memory == x_loading) && (!dAlive || !sAlive) -> memory = x_over }
  :: atomic { faults > 0 && (memory == x_sending || memory == x_loading) -> faults--; memory = x_over }
  /* An incoming QEMU ends when its source is lost on the way. */
  :: atomic { memory == x_over && dAlive && !drun && !loadedTold -> dAlive = 0; dDied = dLive }
  :: atomic { faults > 0 && sAlive && !S_OVER && s != s_retiring -> faults--; sAlive = 0; srun = 0 }
  :: atomic { faults > 0 && dAlive -> faults--; dAlive = 0; drun = 0; dDied = dLive;
       if :: everRan -> crashedThere = 1 :: else fi }
  od
}

active proctype Nats() {
end:
  do
  :: atomic { natsUp && writeUnderWay && rec == r_undecided -> writeUnderWay = 0; writeRecord(r_destination); answer = rec; answered = (s == s_deciding && sUp) }
  :: atomic { natsUp && writeUnderWay && rec != r_undecided -> writeUnderWay = 0; answer = rec; answered = (s == s_deciding && sUp) }
  /* It crashed and came back without its last write. What was under way to it died with it; a source that still
     waits for its answer writes once more, from reading on. */
  :: atomic { faults > 0 && rec != recBefore -> faults--; rec = recBefore; writeUnderWay = 0;
       if :: sUp && s == s_deciding && !answered && !decide -> decide = 1 :: true fi }
  :: atomic { faults > 0 && natsUp -> faults--; natsUp = 0 }
  :: atomic { !natsUp -> natsUp = 1 }
  od
}

active proctype Network() {
end:
  do
  :: atomic { faults > 0 && session -> faults--; breakSession() }
  od
}

/* Where the guest is at the end: on one host, with the run token there and nowhere else; or dead with its own process. */
#define PLACED ((srun && sToken && !dToken && !dAlive) || (drun && dToken && !sToken && !sAlive) || \
                (!sAlive && !srun && !drun && (s != s_completed || released)) || (crashedThere && dToken && !sToken && !sAlive))

/* When nothing can happen any more, it has ended, and well. */
active proctype Watch() {
end:
  timeout -> assert(ENDED); assert(PLACED)
}

ltl ends { <> ENDED }

/*
 * Post-copy of one guest between two agents, from the wish for it on: what migration.pml leaves out. `npm run model`
 * checks both. States, facts and journal entries bear the names of the code (s_, d_, f_ and j_ before them); a test
 * fails when they drift apart.
 *
 * What is there: both agents with their journals, killed and started again anywhere; one session whose messages come
 * in any order or not at all; a record whose answer is lost and that is written late; both QEMUs, which may die, also
 * between cont and the news of it, or refuse to run; the link of memory, which may break, be broken by a user, come back
 * soon, late or never; a destination that loses all that it knew, while the guest's memory is on both hosts.
 *
 * What is left out, since migration.pml has it: copying of disks, several disks, tokens, NATS that loses a write,
 * operators who fence. A link that breaks while device state is in it ends the incoming QEMU: that is QEMU's own.
 */

/* How many things go wrong in one run, of whatever kind and whenever. */
#ifndef FAULTS
#define FAULTS 2
#endif

/* Seeded faults: with any of them the model must fail. */
#ifndef RESUME_ON_BROKEN_LINK
#define RESUME_ON_BROKEN_LINK 0     /* the source goes back when the link breaks */
#endif
#ifndef RUN_BEFORE_DECISION
#define RUN_BEFORE_DECISION 0       /* device state goes, and the guest runs, before the record is written */
#endif
#ifndef RUN_BEFORE_MIRRORS
#define RUN_BEFORE_MIRRORS 0        /* the decision does not wait for the mirrors */
#endif
#ifndef ABANDON_ON_BROKEN_LINK
#define ABANDON_ON_BROKEN_LINK 0    /* the destination ends a guest whose link broke */
#endif
#ifndef RETURN_WITHOUT_PROMISE
#define RETURN_WITHOUT_PROMISE 0    /* a source that finds the destination lost goes back after the decision */
#endif
#ifndef PROMISE_AFTER_CONT
#define PROMISE_AFTER_CONT 0        /* a destination whose QEMU died promises although it had told it to run */
#endif
#ifndef IGNORE_PROMISE
#define IGNORE_PROMISE 0            /* a source whose guest is being fetched hears no promise */
#endif
#ifndef ABANDON_UNASKED
#define ABANDON_UNASKED 0           /* the destination ends a guest without asking its QEMU what has come meanwhile */
#endif
#ifndef FORGET_LOSS
#define FORGET_LOSS 0               /* a source that is started again does not know any more that the guest is lost */
#endif
#ifndef CALL_UNKNOWN_WHOLE
#define CALL_UNKNOWN_WHOLE 0        /* a guest that died before it was known to be whole is told as moved */
#endif
#ifndef ONLY_SAFE
#define ONLY_SAFE 0                 /* what must never happen is looked for, and not whether all comes to its end */
#endif
#ifndef NEVER_RECOVER
#define NEVER_RECOVER 0             /* a broken link is not tried again */
#endif

mtype:source = { s_sending, s_switching, s_committing, s_deciding, s_inDoubt, s_resuming, s_pulling, s_stranded,
  s_losing, s_retiring, s_aborting, s_completed, s_failed };
mtype:destination = { d_prepared, d_resuming, d_pulling, d_running, d_discarding, d_promising, d_discarded };
mtype:entry = { j_begun, j_committing, j_committed, j_resumed, j_aborting, j_forfeited, j_resuming, j_pulling, j_lost, j_promised, j_ended };
mtype:fact = {
  /* the source */
  f_postcopyWanted, f_memoryPass, f_switchover, f_mirrorConcluded, f_mirrorFailed, f_sent, f_sourceExited, f_rolledBack,
  f_retired, f_cancelled, f_recoverWanted, f_retryDue, f_patienceOver,
  f_peerAccepted, f_peerPulling, f_peerRecoverable, f_peerLostGuest, f_peerResumed, f_peerFailed, f_peerDiscarded,
  f_peerLost, f_peerStanding, f_recordUnknown,
  /* the destination */
  f_loadedPartly, f_complete, f_recoverable, f_running, f_resumeFailed, f_incomingFailed, f_discarded,
  f_sourceDecided, f_sourceAborted, f_sourceLost, f_sourceRecovers, f_sourceGone, f_promiseDemanded,
  /* both */
  f_postcopyActive, f_postcopyPaused, f_journalled, f_recordDestination, f_recordSource, f_commandFailed };
mtype:record = { r_undecided, r_source, r_destination };
mtype:link = { l_held, l_flowing, l_broken, l_sent, l_ended };
mtype:work = { w_none, w_resuming, w_resume, w_ran, w_pulling, w_resumed, w_lost, w_promise, w_discard, w_abandon };
mtype:question = { q_none, q_where, q_promise };

/* -------- the world -------- */
bool sAlive = 1, srun = 1, dAlive = 1, drun = 0, everRan = 0;
bool died = 0;                         /* a QEMU died of itself */
bool stopped = 0, concluding = 0, copied = 0, mirrorFailed = 0;
mtype:link link = l_held;
byte came = 0;                         /* at the destination: nothing, device state, everything */
bool door = 0, cut = 0, forever = 0;   /* no connection can be made, and never will be */
mtype:record rec = r_undecided;
bool writeUnderWay = 0;
byte faults = FAULTS;

bool session = 1, sLostPeer = 0, dLostSource = 0;
bool accepted_, pulling_, recoverable_, lostGuest_, resumed_, failed_, discarded_;   /* to the source */
bool decided_, abort_, recovers_, gone_;                                             /* to the destination */

/* -------- the source's agent -------- */
bool sUp = 1;
mtype:source s = s_sending;
mtype:entry sj = j_begun;              /* durable */
bool fencing = 0;                      /* durable */
bool wanted = 0, watching = 0;         /* watching: it hears what becomes of its memory */
mtype:link sMemory = l_held;           /* as far as it has heard */
bool homeOver = 0, awayOver = 0, lost = 0;
bool lostThere = 0;                    /* the destination's journal says that it lost the guest */
bool heardLost = 0;                    /* the source has heard so, and must say so to its user in the end */
bool decide = 0, tellDecided = 0, letGo = 0, recover = 0, resumePostcopy = 0, tellGone = 0, rollBack = 0, tellAbort = 0;
bool endGuest = 0;
bool retire = 0, fence = 0, jCommitting = 0, jCommitted = 0, jAborting = 0, jResumed = 0;
mtype:question asking = q_none;

/* -------- the destination's agent -------- */
bool dUp = 1, dLive = 1, dDied = 0, withdrawing = 0, confirming = 0, accepted = 0;
bool mayHaveRun = 0;                   /* told to run by this agent, and not refused; or maybe by the one before it */
mtype:destination d = d_prepared;
mtype:entry dj = j_begun;              /* durable */
bool promisedThere = 0;                /* durable */
bool forgotten = 0;                    /* it knows nothing of the guest, and promises when it is asked to */
byte has = 0;                          /* as far as it has heard */
bool dStranded = 0, dGone = 0, open = 0;
mtype:work work = w_none;

#define UNDECIDED (s == s_sending || s == s_switching || s == s_committing)
#define AFTER (s == s_resuming || s == s_pulling || s == s_stranded || s == s_losing)
#define S_OVER (s == s_completed || s == s_failed)
#define ENDED (sUp && S_OVER && sj == j_ended && !fencing && dUp && !dLive)
/* It stands still, whole on both sides together, and waits for a link that does not come. */
#define PAUSED (forever && link == l_broken && sAlive && dAlive && !srun)

inline says(f) { printf("MSC: %e\n", f) }

inline checkRun() {
  assert(!(srun && drun));                          /* never twice */
  assert(!(srun && everRan));                       /* who ran there is not run here again */
  assert(!srun || link == l_held || link == l_sent);   /* nor one of which neither side has all */
  assert(!srun || rec != r_destination || promisedThere);  /* nor after the decision, without a promise */
  assert(!drun || rec == r_destination);            /* never before the decision */
  assert(!drun || copied)                           /* never on a half copy */
}

inline breakSession() {
  if
  :: session ->
     session = 0; accepted_ = 0; pulling_ = 0; recoverable_ = 0; lostGuest_ = 0; resumed_ = 0; failed_ = 0; discarded_ = 0;
     decided_ = 0; abort_ = 0; recovers_ = 0; gone_ = 0;
     sLostPeer = (sUp && !S_OVER); dLostSource = (dUp && dLive)
  :: else
  fi
}

/* What the end of the source's QEMU does to the connection. */
inline sourceEnds() { sAlive = 0; srun = 0; if :: link == l_flowing -> link = l_broken :: else fi }
inline destinationEnds() { dAlive = 0; drun = 0; open = 0; door = 0; if :: link == l_flowing -> link = l_broken :: else fi }

/* -------- moves of the source -------- */
inline forgetEffects() {
  decide = 0; tellDecided = 0; letGo = 0; recover = 0; resumePostcopy = 0; tellGone = 0; tellAbort = 0; asking = q_none
}
inline toAborting(gone) {
  forgetEffects(); s = s_aborting; homeOver = 0; awayOver = gone; rollBack = 1; tellAbort = !gone; jAborting = 1
}
inline toPromised() { toAborting(1); fence = 1 }
/* Neither side has all of it: it ends here. */
inline toForfeit() { toAborting(1); fence = 1; rollBack = 0; endGuest = 1; lost = 1 }
inline toReturned() { if :: sMemory == l_held || sMemory == l_sent -> toPromised() :: else -> toForfeit() fi }
inline toDoubt() { s = s_inDoubt; asking = q_promise }
inline toResuming(peerLost) {
  s = s_resuming; jCommitted = 1;
  if :: peerLost -> asking = q_where :: else -> tellDecided = 1 fi
}
inline toPulling() { s = s_pulling }
inline toStranded() {
  s = s_stranded; recover = !NEVER_RECOVER;
  if :: RESUME_ON_BROKEN_LINK -> srun = 1; checkRun() :: else fi
}
inline toLosing() { s = s_losing; tellGone = 1; recover = 0 }
inline toRetiring(guestLost) {
  forgetEffects(); s = s_retiring; lost = guestLost; retire = 1; jResumed = 1;
  if :: guestLost -> heardLost = 1 :: else fi
}
inline pullBy() {
  tellDecided = 0;
  if
  :: sMemory == l_held -> toPulling(); letGo = 1
  :: sMemory == l_flowing -> toPulling()
  :: sMemory == l_broken -> toStranded()
  :: sMemory == l_ended -> toLosing()
  :: sMemory == l_sent -> toRetiring(0)
  fi
}

/* The destination has promised never to run it. */
inline hearPromise() {
  if
  :: s == s_deciding || s == s_inDoubt -> toPromised()
  :: s == s_resuming -> toReturned()
  :: s == s_losing || (!IGNORE_PROMISE && (s == s_pulling || s == s_stranded)) -> toForfeit()
  :: else
  fi
}

active proctype Source() {
end:
  do
  /* ---- effects ---- */
  :: atomic { sUp && jCommitting -> jCommitting = 0; sj = j_committing; says(f_journalled);
       if :: s == s_committing -> s = s_deciding; decide = 1; if :: RUN_BEFORE_DECISION -> tellDecided = 1 :: else fi
          :: else fi }
  :: atomic { sUp && decide -> decide = 0; writeUnderWay = 1 }
  :: atomic { sUp && !jCommitting && jCommitted -> jCommitted = 0; sj = j_committed }
  :: atomic { sUp && !jCommitting && !jCommitted && fence -> fence = 0; fencing = 1 }
  :: atomic { sUp && !jCommitting && !jCommitted && !fence && jAborting -> jAborting = 0;
       sj = (lost && !FORGET_LOSS -> j_forfeited : j_aborting) }
  :: atomic { sUp && !jCommitting && !jCommitted && jResumed -> jResumed = 0; sj = (lost && !FORGET_LOSS -> j_lost : j_resumed) }
  :: atomic { sUp && fencing -> rec = r_source; writeUnderWay = 0; fencing = 0 }
  :: atomic { sUp && tellDecided -> tellDecided = 0; decided_ = session }
  :: atomic { sUp && letGo -> letGo = 0; watching = 1;
       if :: link == l_held && sAlive && dAlive -> link = l_flowing :: else fi }
  :: atomic { sUp && recover -> recover = 0; recovers_ = session }
  :: atomic { sUp && resumePostcopy -> resumePostcopy = 0;
       if :: link == l_broken && door && !cut && sAlive && dAlive -> link = l_flowing; door = 0 :: else fi }
  :: atomic { sUp && tellGone -> tellGone = 0; gone_ = session }
  :: atomic { sUp && rollBack -> rollBack = 0; homeOver = 1;
       if
       :: sAlive && (link == l_held || link == l_sent) -> srun = 1; stopped = 0; checkRun(); says(f_rolledBack)
       :: else -> sourceEnds(); says(f_sourceExited)
       fi }
  /* Refused this time: tried again. */
  :: atomic { sUp && (rollBack || endGuest) && sAlive && faults > 0 -> faults--; says(f_commandFailed); says(f_retryDue) }
  :: atomic { sUp && endGuest -> endGuest = 0; homeOver = 1; sourceEnds(); says(f_sourceExited) }
  :: atomic { sUp && tellAbort -> tellAbort = 0; if :: session -> abort_ = 1 :: else -> awayOver = 1 fi }
  :: atomic { sUp && retire -> retire = 0; sAlive = 0; srun = 0; says(f_retired);
       s = (lost -> s_failed : s_completed) }
  :: atomic { sUp && S_OVER && sj != j_ended && !jCommitting && !jCommitted && !jAborting && !jResumed && !fence ->
       sj = j_ended; breakSession(); sLostPeer = 0 }

  /* ---- before the decision ---- */
  :: atomic { sUp && s == s_sending && !wanted -> wanted = 1; if :: says(f_postcopyWanted) :: says(f_memoryPass) fi }
  :: atomic { sUp && s == s_sending && stopped -> says(f_switchover); s = s_switching; concluding = 1;
       if :: RUN_BEFORE_MIRRORS -> s = s_committing; jCommitting = 1 :: else fi }
  :: atomic { sUp && s == s_switching && copied -> says(f_mirrorConcluded); s = s_committing; jCommitting = 1 }
  :: atomic { sUp && (s == s_sending || s == s_switching) && mirrorFailed -> says(f_mirrorFailed); toAborting(0) }
  :: atomic { sUp && UNDECIDED && !sAlive -> says(f_sourceExited); toAborting(0) }
  :: atomic { sUp && UNDECIDED && failed_ -> failed_ = 0; says(f_peerFailed); toAborting(1) }
  :: atomic { sUp && UNDECIDED && discarded_ -> discarded_ = 0; says(f_peerDiscarded); toAborting(1) }
  :: atomic { sUp && UNDECIDED && sLostPeer -> sLostPeer = 0; says(f_peerLost); toAborting(0) }
  :: atomic { sUp && UNDECIDED && faults > 0 -> faults--; says(f_cancelled); toAborting(0) }

  /* ---- deciding, in doubt ---- */
  :: atomic { sUp && s == s_deciding && !decide && !writeUnderWay && rec == r_destination ->
       says(f_recordDestination); toResuming(sLostPeer); sLostPeer = 0 }
  :: atomic { sUp && s == s_deciding && !decide && !writeUnderWay && rec == r_source ->
       says(f_recordSource); sLostPeer = 0; toAborting(0) }
  :: atomic { sUp && s == s_deciding && !decide && faults > 0 -> faults--; says(f_recordUnknown); sLostPeer = 0; toDoubt() }
  :: atomic { sUp && s == s_inDoubt && rec == r_destination -> says(f_recordDestination); toResuming(1) }
  :: atomic { sUp && (s == s_deciding || s == s_inDoubt || AFTER) && failed_ -> failed_ = 0; says(f_peerFailed); hearPromise() }
  :: atomic { sUp && (s == s_deciding || s == s_inDoubt || AFTER) && discarded_ -> discarded_ = 0; says(f_peerDiscarded); hearPromise() }
  :: atomic { sUp && s == s_inDoubt && sLostPeer -> sLostPeer = 0; says(f_peerLost); asking = q_promise }

  /* ---- after it (source-decision.ts, source-postcopy.ts) ---- */
  :: atomic { sUp && AFTER && sLostPeer -> sLostPeer = 0; says(f_peerLost); asking = q_where;
       if :: RETURN_WITHOUT_PROMISE && s == s_resuming -> toAborting(0) :: else fi }
  :: atomic { sUp && accepted_ -> accepted_ = 0; says(f_peerAccepted);
       if
       :: (s == s_resuming || (RUN_BEFORE_DECISION && s == s_deciding)) && sMemory == l_held -> letGo = 1
       :: s == s_resuming && sMemory == l_ended -> tellGone = 1
       :: else
       fi }
  :: atomic { sUp && pulling_ -> pulling_ = 0; says(f_peerPulling); if :: s == s_resuming -> pullBy() :: else fi }
  :: atomic { sUp && resumed_ -> resumed_ = 0; says(f_peerResumed);
       if :: AFTER || s == s_inDoubt -> toRetiring(0) :: else fi }
  :: atomic { sUp && lostGuest_ -> lostGuest_ = 0; says(f_peerLostGuest);
       if :: AFTER -> toRetiring(1) :: else fi }
  :: atomic { sUp && recoverable_ -> recoverable_ = 0; says(f_peerRecoverable);
       if :: s == s_stranded -> resumePostcopy = 1 :: else fi }
  /* What the hypervisor shows of its memory. */
  :: atomic { sUp && AFTER && watching && sMemory != l_flowing && link == l_flowing ->
       says(f_postcopyActive); sMemory = l_flowing; if :: s == s_stranded -> toPulling() :: else fi }
  :: atomic { sUp && AFTER && watching && sMemory != l_broken && link == l_broken && sAlive ->
       says(f_postcopyPaused); sMemory = l_broken; if :: s == s_pulling -> toStranded() :: else fi }
  :: atomic { sUp && AFTER && watching && sMemory != l_sent && link == l_sent ->
       says(f_sent); sMemory = l_sent; if :: s == s_pulling || s == s_stranded -> toRetiring(0) :: else fi }
  :: atomic { sUp && !sAlive && (s == s_pulling || s == s_stranded ||
         (s == s_resuming && sMemory != l_held && sMemory != l_sent && sMemory != l_ended)) ->
       says(f_sourceExited); toLosing() }
  :: atomic { sUp && !sAlive && s == s_resuming && sMemory == l_held -> says(f_sourceExited); sMemory = l_ended; tellGone = 1 }
  /* Its time has come only when nothing else is under way. */
  :: atomic { sUp && s == s_stranded && !NEVER_RECOVER && session && !recover && !recovers_ && !recoverable_ && !open &&
         !resumePostcopy && link == l_broken && !cut && sAlive && dLive && d == d_pulling && work == w_none && !dDied &&
         dStranded -> says(f_retryDue); recover = 1 }
  :: atomic { sUp && (s == s_pulling || s == s_stranded) && faults > 0 -> faults--; says(f_recoverWanted);
       if :: s == s_stranded -> recover = 1
          :: s == s_pulling && link == l_flowing -> link = l_broken
          :: else fi }

  /* ---- aborting ---- */
  :: atomic { sUp && s == s_aborting && (discarded_ || failed_) -> discarded_ = 0; failed_ = 0; says(f_peerDiscarded); awayOver = 1 }
  :: atomic { sUp && s == s_aborting && sLostPeer -> sLostPeer = 0; says(f_peerLost); awayOver = 1 }
  :: atomic { sUp && s == s_aborting && !awayOver && !tellAbort && !abort_ && d != d_discarding && d != d_promising ->
       says(f_patienceOver); awayOver = 1 }
  :: atomic { sUp && s == s_aborting && homeOver && awayOver && !rollBack -> s = s_failed }
  :: atomic { sUp && sLostPeer && (s == s_retiring || S_OVER) -> sLostPeer = 0 }

  /* ---- killed, and started again (restartSource) ---- */
  :: atomic { sUp && faults > 0 && sj != j_ended ->
       faults--; sUp = 0; forgetEffects(); rollBack = 0; endGuest = 0; retire = 0; fence = 0; jCommitting = 0; jCommitted = 0;
       jAborting = 0; jResumed = 0; watching = 0; sMemory = l_held; homeOver = 0; awayOver = 0; lost = 0;
       breakSession(); sLostPeer = 0 }
  :: atomic { !sUp ->
       sUp = 1;
       if
       :: sj == j_begun || sj == j_aborting -> toAborting(0)
       :: sj == j_committing -> toDoubt()
       :: sj == j_committed -> s = s_resuming; asking = q_where
       :: sj == j_resumed -> toRetiring(0)
       :: sj == j_lost -> toRetiring(1)
       :: sj == j_forfeited -> toForfeit(); fence = 0; jAborting = 0
       fi }
  od
}

/* Asks the destination where it stands, until it answers, on a new session. */
active proctype Question() {
end:
  do
  :: atomic { asking == q_promise && sUp && dUp && dLive && d == d_prepared ->
       says(f_promiseDemanded); d = d_discarding; work = w_discard }
  :: atomic { asking == q_where && sUp && dUp && dLive && (d == d_prepared || (d == d_resuming && !accepted)) ->
       says(f_peerStanding); session = 1; dLostSource = 0; asking = q_none;
       if :: s == s_resuming -> tellDecided = 1 :: s == s_losing -> tellGone = 1 :: else fi }
  :: atomic { asking != q_none && sUp && dUp && dLive && d == d_resuming && accepted ->
       says(f_peerStanding); session = 1; dLostSource = 0; asking = q_none;
       if
       :: s == s_inDoubt -> s = s_resuming; asking = q_where
       :: s == s_resuming ->
          if :: sMemory == l_held -> letGo = 1 :: sMemory == l_ended -> tellGone = 1 :: else fi
       :: s == s_losing -> tellGone = 1
       :: s == s_stranded -> recover = 1
       :: else
       fi }
  :: atomic { asking != q_none && sUp && dUp && dLive && d == d_pulling ->
       says(f_peerStanding); session = 1; dLostSource = 0; asking = q_none;
       if
       :: s == s_inDoubt -> toPulling(); letGo = 1
       :: s == s_resuming -> pullBy()
       :: s == s_losing -> tellGone = 1
       :: s == s_stranded -> recover = 1
       :: else
       fi }
  /* resumed: it runs there, or ran */
  :: atomic { asking != q_none && sUp && dUp && ((dLive && d == d_running) || (!dLive && !promisedThere && !forgotten)) ->
       asking = q_none;
       if
       :: lostThere -> says(f_peerLostGuest); if :: AFTER || s == s_inDoubt -> toRetiring(1) :: else fi
       :: else -> says(f_peerStanding); if :: AFTER || s == s_inDoubt -> toRetiring(0) :: else fi
       fi }
  :: atomic { asking != q_none && sUp && dUp && !dLive && forgotten && !promisedThere ->
       if :: asking == q_promise -> promisedThere = 1 :: else -> says(f_peerStanding); asking = q_promise fi }
  :: atomic { asking != q_none && sUp && dUp && !dLive && promisedThere ->
       says(f_peerStanding); asking = q_none;
       hearPromise() }
  od
}

inline setbackThere() { d = d_discarding; work = w_discard; confirming = 0 }
inline forgetThere() {
  withdrawing = 0; confirming = 0; accepted = 0; has = 0; dStranded = 0; dGone = 0; open = 0; work = w_none; dDied = 0;
  mayHaveRun = 0; breakSession(); dLostSource = 0
}
inline loses() { lostThere = 1; lostGuest_ = session; work = w_lost }
/* It will not go on there (endedHere): only one that has never run is promised. */
inline endedThere() {
  if
  :: !mayHaveRun || PROMISE_AFTER_CONT -> setbackThere()
  :: else -> d = d_running; open = 0;
     /* Started again, it may not have heard yet what had come: then it is not known to have been whole. */
     if :: has == 1 || (has == 0 && !CALL_UNKNOWN_WHOLE) -> loses()
        :: else -> assert(came == 2); resumed_ = session; work = w_resumed   /* what is told as moved was whole */
     fi
  fi
}

active proctype Destination() {
end:
  do
  /* ---- effects, one after the other ---- */
  :: atomic { dUp && dLive && work == w_resuming ->
       if
       :: dj = j_resuming; says(f_journalled); accepted = 1;
          work = (has > 0 -> w_resume : w_none); if :: has == 0 -> accepted_ = session :: else fi
       /* Its disk is full: it has not accepted. */
       :: d == d_resuming && faults > 0 -> faults--; says(f_commandFailed); setbackThere()
       fi }
  :: atomic { dUp && dLive && work == w_resume && d == d_resuming ->
       work = w_none;
       if
       :: dAlive -> drun = 1; everRan = 1; mayHaveRun = 1; checkRun(); work = w_ran
       /* QEMU refuses: the guest ends with it. Of one that may have run before a restart its end is all that is told. */
       :: dAlive && faults > 0 && !drun -> faults--; died = 1;
          if :: mayHaveRun -> destinationEnds(); dDied = 1 :: else -> says(f_resumeFailed); endedThere() fi
       :: !dAlive
       fi }
  /* It has run, and may be dead before its agent hears of either. */
  :: atomic { dUp && dLive && work == w_ran && d == d_resuming -> says(f_running); work = w_none;
       if
       :: has == 2 -> d = d_running; resumed_ = session; work = w_resumed
       :: else -> d = d_pulling; pulling_ = session; work = w_pulling
       fi }
  :: atomic { dUp && dLive && work == w_ran && d != d_resuming -> work = w_none }
  :: atomic { dUp && dLive && work == w_pulling -> dj = j_pulling;
       work = (d == d_running -> w_resumed : w_none); open = (d == d_pulling && dStranded) }
  :: atomic { dUp && dLive && work == w_lost -> dj = j_lost; work = w_none; dLive = 0; dj = j_ended; open = 0 }
  :: atomic { dUp && dLive && work == w_resumed -> dj = j_resumed; work = w_none; dLive = 0; dj = j_ended; open = 0 }
  :: atomic { dUp && dLive && work == w_none && open && (d == d_pulling || d == d_resuming) -> open = 0;
       if :: dGone && d == d_pulling -> work = w_abandon
          :: !(dGone && d == d_pulling) && dAlive && link == l_broken -> door = 1; says(f_recoverable); recoverable_ = session
          :: else fi }
  :: atomic { dUp && dLive && work == w_abandon && d == d_pulling ->
       work = w_none;
       if
       :: came == 2 && !ABANDON_UNASKED -> skip       /* QEMU says so, and f_complete follows */
       :: came < 2 && link != l_broken && !ABANDON_UNASKED -> skip   /* mended meanwhile: f_postcopyPaused follows */
       :: else -> assert(!sAlive); assert(came < 2); destinationEnds(); dDied = 1   /* a broken link kills nobody */
       fi }
  :: atomic { dUp && dLive && work == w_discard -> assert(!drun); destinationEnds(); dDied = 0; says(f_discarded);
       d = d_promising; work = w_promise }
  :: atomic { dUp && dLive && work == w_promise -> dj = j_promised; promisedThere = 1; says(f_journalled); d = d_discarded;
       work = w_none; if :: failed_ = session :: discarded_ = session fi; dLive = 0; dj = j_ended }

  /* ---- facts (destination.ts) ---- */
  :: atomic { dUp && dLive && d == d_prepared && decided_ -> decided_ = 0; says(f_sourceDecided);
       d = d_resuming; work = w_resuming; withdrawing = 0 }
  :: atomic { dUp && dLive && d == d_prepared && abort_ -> abort_ = 0; says(f_sourceAborted); setbackThere() }
  :: atomic { dUp && dLive && d == d_prepared && dLostSource && !withdrawing -> dLostSource = 0; says(f_sourceLost); setbackThere() }
  :: atomic { dUp && dLive && d == d_prepared && withdrawing -> withdrawing = 0;
       if :: rec == r_undecided -> rec = r_source :: else fi;
       if :: rec == r_destination -> says(f_recordDestination); d = d_resuming; work = w_resuming
          :: else -> says(f_recordSource); setbackThere() fi }
  :: atomic { dUp && dLive && (d == d_prepared || d == d_resuming) && dDied && !confirming ->
       dDied = 0; says(f_incomingFailed); endedThere() }
  :: atomic { dUp && dLive && d == d_resuming && dAlive && came > 0 && has == 0 -> says(f_loadedPartly); has = 1;
       if :: accepted && !confirming && work == w_none -> work = w_resume :: else fi }
  :: atomic { dUp && dLive && d == d_resuming && dAlive && came == 2 && has == 1 -> says(f_complete); has = 2 }
  :: atomic { dUp && dLive && d == d_pulling && dAlive && came == 2 -> says(f_complete); has = 2; d = d_running;
       resumed_ = session; open = 0; work = (work == w_pulling -> w_pulling : w_resumed) }
  :: atomic { dUp && dLive && (d == d_resuming || d == d_pulling) && dAlive && came == 1 && link == l_broken && !dStranded ->
       says(f_postcopyPaused); dStranded = 1;
       if :: d == d_pulling -> open = 1; if :: ABANDON_ON_BROKEN_LINK && work == w_none -> work = w_abandon :: else fi
          :: else fi }
  :: atomic { dUp && dLive && (d == d_resuming || d == d_pulling) && link != l_broken && dStranded ->
       says(f_postcopyActive); dStranded = 0; open = 0 }
  :: atomic { dUp && dLive && (d == d_resuming || d == d_pulling) && decided_ -> decided_ = 0;
       if :: d == d_resuming && accepted && has == 0 && !confirming -> accepted_ = session :: else fi }
  :: atomic { dUp && dLive && recovers_ -> recovers_ = 0; says(f_sourceRecovers);
       open = (d == d_pulling || (d == d_resuming && mayHaveRun && !confirming && accepted)) }
  :: atomic { dUp && dLive && gone_ -> gone_ = 0; says(f_sourceGone); dGone = 1;
       if
       :: d == d_pulling && dStranded -> open = 1
       /* Without device state nothing can have run, unless it is not known yet what came before a restart. */
       :: d == d_resuming && has == 0 && !mayHaveRun && !confirming -> setbackThere()
       :: else
       fi }
  :: atomic { dUp && dLive && d == d_pulling && dDied -> dDied = 0; says(f_incomingFailed); d = d_running; open = 0;
       loses() }
  :: atomic { dUp && dLive && d != d_prepared && dLostSource -> dLostSource = 0 }
  :: atomic { dUp && (!dLive || d != d_prepared) && abort_ -> abort_ = 0 }
  :: atomic { dUp && !dLive && (recovers_ || gone_ || decided_) -> breakSession(); dLostSource = 0 }

  /* ---- killed, and started again (restartDestination) ---- */
  :: atomic { dUp && dLive && faults > 0 ->
       faults--; dUp = 0; dLive = 0; forgetThere() }
  /* All that it knew is lost with its host, while the guest's memory is on both. */
  :: atomic { dUp && dLive && faults > 0 && link != l_sent && (s == s_pulling || s == s_stranded || s == s_losing) ->
       faults--; died = 1; destinationEnds(); dLive = 0; forgetThere(); dj = j_ended; forgotten = 1 }
  :: atomic { !dUp ->
       dUp = 1; dLive = 1;
       if
       :: dj == j_begun && dAlive -> d = d_prepared; withdrawing = 1
       :: dj == j_begun && !dAlive -> setbackThere()
       :: dj == j_resuming -> d = d_resuming; accepted = 1; confirming = 1; mayHaveRun = 1
       :: dj == j_pulling && dAlive -> d = d_pulling
       :: dj == j_pulling && !dAlive -> d = d_running; loses()
       :: dj == j_lost -> d = d_running; work = w_lost
       fi }
  :: atomic { dUp && dLive && confirming -> confirming = 0; dDied = 0; says(f_recordDestination);
       if
       :: dAlive -> work = (has > 0 -> w_resume : w_none)
       /* What it had of its memory is not known: none, or not all. */
       :: else -> d = d_running; loses()
       fi }
  od
}

/* Both hypervisors, and the link between them. */
active proctype Qemus() {
end:
  do
  :: atomic { wanted && s == s_sending && sAlive && dAlive && !stopped -> stopped = 1; srun = 0 }
  :: atomic { concluding && !copied && !mirrorFailed && sAlive && dAlive -> concluding = 0; copied = 1 }
  :: atomic { concluding && !copied && !mirrorFailed && (faults > 0 || !dAlive) ->
       if :: dAlive -> faults-- :: else fi; mirrorFailed = 1 }
  :: atomic { link == l_flowing && came == 0 && dAlive -> came = 1 }
  :: atomic { link == l_flowing && came == 1 && dAlive -> came = 2; link = l_sent }
  /* A link that breaks: once more at once, or after some time, or never. */
  :: atomic { link == l_flowing && came == 1 && faults > 0 -> faults--; link = l_broken;
       if :: skip :: cut = 1 :: cut = 1; forever = 1 fi }
  :: atomic { cut && !forever -> cut = 0 }
  /* An incoming QEMU that has no device state ends with its link; it is not the guest that died there. */
  :: atomic { link == l_flowing && came == 0 && faults > 0 -> faults--; link = l_broken; died = 1 }
  :: atomic { dAlive && came == 0 && (!sAlive || link == l_broken) -> destinationEnds(); dDied = dLive }
  :: atomic { faults > 0 && sAlive && !S_OVER && s != s_retiring -> faults--; died = 1; sourceEnds() }
  :: atomic { faults > 0 && dAlive && dj != j_ended -> faults--; died = 1; destinationEnds(); dDied = dLive }
  od
}

active proctype Nats() {
end:
  do
  :: atomic { writeUnderWay -> writeUnderWay = 0; if :: rec == r_undecided -> rec = r_destination :: else fi }
  od
}

active proctype Network() {
end:
  do
  :: atomic { faults > 0 && session && !(S_OVER && !dLive) -> faults--; breakSession() }
  od
}

/* When nothing can happen any more: on one host, whole; or lost, and then a QEMU died. */
active proctype Watch() {
end:
  timeout -> assert(ENDED || PAUSED || ONLY_SAFE); assert(PAUSED || ONLY_SAFE || srun || drun || died); assert(PAUSED || ONLY_SAFE || drun || s != s_completed || died); assert(!heardLost || s != s_completed); assert(!(sAlive && dAlive) || PAUSED || ONLY_SAFE)
}

ltl ends { <> (ENDED || PAUSED) }

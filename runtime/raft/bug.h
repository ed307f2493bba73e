/* bug.h: deliberate mistakes, to show that the simulator would find them.
 *
 * Only a build with RAFT_WITH_BUGS (tests/sim/CMakeLists.txt makes one, for nothing but that test) contains
 * them; there `raft_bug` chooses one. In every other build RAFT_BUG() is false and the compiler drops it. */
#ifndef RAFT_BUG_H
#define RAFT_BUG_H

enum raft_bug_number {
    RAFT_BUG_NONE,
    RAFT_BUG_VOTE_BEFORE_SYNC,     /* a vote is told before it is on the disk */
    RAFT_BUG_COMMIT_OLD_TERM,      /* an entry of an earlier term commits by count alone */
    RAFT_BUG_NO_LOG_MATCHING,      /* entries are stored without looking at the one before */
    RAFT_BUG_FORGET_VOTE,          /* the vote is not read back at start */
    RAFT_BUG_TWO_CHANGES,          /* a second membership change while one is uncommitted */
    RAFT_BUG_ACK_BEFORE_SYNC,      /* entries are acknowledged before they are on the disk */
    RAFT_BUG_OLD_SNAPSHOT,         /* a snapshot older than the commit is installed */
    RAFT_BUG_SERVE_DAMAGED,        /* stored entries and snapshots are used without looking at the checksum */
    RAFT_BUG_NO_PROMISE,           /* a lost tail goes unnoticed */
    RAFT_BUG_VOTE_ANY_LOG,         /* votes are given without comparing logs */
    RAFT_BUG_TRUNCATE_ON_OLD,      /* a delayed entry cuts off what came after it (as the reference does) */
    RAFT_BUG_COUNT_CATCHUP,        /* progress answers of a catch up count toward a commit */
    RAFT_BUG_COUNT_NON_MEMBERS,    /* acknowledgements of learners count */
    RAFT_BUG_DOUBLE_COUNT_VOTE,    /* a repeated vote response counts twice */
    RAFT_BUG_EMPTY_VOTES_COUNT,    /* a member that forgot everything votes like any other */
    RAFT_BUG_KEEP_OLD_TERM_LEADER, /* a leader stays when it hears of a later term */
    RAFT_BUG_COUNT
};

#ifdef RAFT_WITH_BUGS
extern int raft_bug;
#define RAFT_BUG(n) (raft_bug == (n))
#else
#define RAFT_BUG(n) (0)
#endif

#endif

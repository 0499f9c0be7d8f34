/* One grant, two nodes, one provider: begin / exchange / commit of docs/spec/refresh.md under the same names, explored
   exhaustively by spin for I1-I4. run.py says which configurations there are and what is expected of each.

   Time comes in ticks. Nodes that are awake do what is due before the next tick; whatever keeps them from it is a fault:
   a crash, a pause, a lost or slow answer, a refused commit, a commit whose acknowledgement is lost. Any number of faults
   may happen at any step. The promise (I4) holds for a grant whose window, from the first use of its refresh token on,
   had T + L + R ticks in a row without a new fault and with a node awake: its pair must not be lost then.

   Left out: epochs and late pairs that differ from the stored one (here a second use in the window answers the same pair
   again); the simulation has both. An older token than the stored one answers for ever: that makes only more late pairs. A refusal tells a node no more than a broken connection; what is lost is seen from
   outside. A lingering answer that finds its generation unmoved is committed. */

#ifndef T
#define T 1  /* after it recovery starts; the exchange itself is read on */
#endif
#ifndef L
#define L 2  /* lease */
#endif
#ifndef R
#define R 1  /* recovery interval */
#endif
#ifndef CALM
#define CALM (T + L + R)
#endif
#ifndef W
#define W 5  /* reuse window; 0: strict */
#endif
#ifndef GENS
#define GENS 1  /* rotations explored */
#endif
#define UNUSED (W + 1)

/* What a configuration has of faults, and what it promises. */
#ifndef CRASHES
#define CRASHES 1
#endif
#ifndef PAUSES
#define PAUSES 2  /* 2: in the middle of anything; 1: of one node, between the last check of its deadline and the write */
#endif
#ifndef LOSSES
#define LOSSES 1
#endif
#ifndef STORE_FAULTS
#define STORE_FAULTS 1
#endif
#ifndef PUNISHED
#define PUNISHED 0  /* 1: a use after the window ends the grant, so none may happen; check, write and arrival are then within
                       one tick, as the deadline cannot call back what is on the wire */
#endif
#ifndef UNSTEADY
#define UNSTEADY 2  /* a node whose faults do not end the calm; 2: none */
#endif
#ifndef PROMISED
#define PROMISED kept_calm
#endif
#ifndef MUTANT
#define MUTANT 0
#endif
#define NO_DURABLE_ATTEMPT 1
#define NO_GENERATION_IN_COMMIT 2
#define LEASE_IGNORED 3
#define ONE_TOKEN_REPLACED 4
#define NO_SPOOL 5
#define CLOSED_AT_T 6
#define DEADLINE_NOT_CHECKED 7
#define UNKNOWN_TAKEN_FOR_UNUSED 8

mtype:phase = {idle, begun, checked, exchanging, retrying, holding};
mtype:wire = {quiet, sent, orphan, answered};

/* the store */
byte generation = 0;
byte access = 0, refresh = 0;   /* the generation that each of the stored tokens is of */
bool attempt = false, of_dead_incarnation = false;
byte attempt_node = 0;
byte lease = 0;                 /* counts on for R after its end, when the attempt must have been taken up */
byte window_left = 0;           /* as reckoned from first_sent_at; kept where PUNISHED */
/* the provider */
byte window[GENS + 1] = UNUSED; /* of the refresh token of each generation: unused, ticks left, 0 closed */
/* the nodes */
mtype:phase phase[2] = idle;
bool down[2] = false, paused[2] = false;
byte at[2] = 0, deadline[2] = 0, pair[2] = 0, spool[2] = 0;
/* what is under way: two exchanges of each node */
mtype:wire wire[4] = quiet;
byte wire_at[4] = 0;
/* what only the checks see */
byte calm = 0;
bool kept_calm = false, over = false;

#define awake(n) (!down[n] && !paused[n])
#define open(g) (window[g] > 0 && window[g] < UNUSED)
#define request(x) (wire[x] == sent || wire[x] == orphan)
#define flying(x) (wire[x] == sent || wire[x] == answered)
#define in_flight(n) (flying(2 * n) || flying(2 * n + 1))
#define live_lease (attempt && lease > R)
#define own_dead(n) (attempt && attempt_node == n && of_dead_incarnation)
#define own(n) (attempt && attempt_node == n && phase[n] == retrying)
#define may_begin(n) (!live_lease || own_dead(n) || own(n) || MUTANT == LEASE_IGNORED)
#define may_retry (W > 0 && (!PUNISHED || window_left > 0))
#define to_recover(n) (phase[n] == idle && attempt && (lease == 0 || own_dead(n)) && may_retry)
#define timed_out(n) (phase[n] == exchanging && deadline[n] == 0 && (may_retry || !in_flight(n)))
#define overdue(n) (awake(n) && (phase[n] == begun || phase[n] == checked || phase[n] == holding || timed_out(n) || \
                                 (phase[n] == retrying && (generation != at[n] || may_begin(n))) || \
                                 (phase[n] == idle && spool[n] > 0) || to_recover(n)))
#define copy_at(n) ((phase[n] == holding && pair[n] == generation + 1) || spool[n] == generation + 1 || \
                    (wire[2 * n] == answered && wire_at[2 * n] == generation) || \
                    (wire[2 * n + 1] == answered && wire_at[2 * n + 1] == generation))
#define arriving (PUNISHED && (request(0) || request(1) || request(2) || request(3)))
#define lost (window[generation] == 0 && !copy_at(0) && !copy_at(1))

inline fault(n) { calm = (n == UNSTEADY -> calm : 0) }
inline judge() {
  assert(access == refresh && refresh == generation);  /* I2 */
  if
  :: lost ->
     printf("MSC: the pair of generation %d is lost\n", generation + 1);
     assert(!(PROMISED));  /* I4 */
     over = true
  :: else
  fi
}
inline clear_attempt() { attempt = false; attempt_node = 0; of_dead_incarnation = false; lease = 0; window_left = 0 }
inline land(n) { at[n] = 0; deadline[n] = 0; pair[n] = 0; phase[n] = idle }

inline end_exchange(x) {  /* the first place of a node is filled first: fewer states */
  wire[x] = quiet; wire_at[x] = 0;
  if
  :: x % 2 == 0 && wire[x + 1] != quiet ->
     wire[x] = wire[x + 1]; wire_at[x] = wire_at[x + 1]; wire[x + 1] = quiet; wire_at[x + 1] = 0
  :: else
  fi
}
inline close_exchange(x) {  /* no reader any more; a request goes on its way */
  if
  :: wire[x] == sent && (PUNISHED || window[wire_at[x]] == UNUSED) -> wire[x] = orphan
  :: wire[x] != quiet && wire[x] != orphan -> end_exchange(x)  /* nobody can tell any more whether it arrives */
  :: else
  fi
}
inline put_on_the_wire(n) {
  x = (wire[2 * n] == quiet || wire[2 * n] == orphan || flying(2 * n + 1) -> 2 * n : 2 * n + 1);
  if :: wire[2 * n] == orphan && wire[2 * n + 1] == quiet -> x = 2 * n + 1 :: else fi;
  wire[x] = sent; wire_at[x] = at[n]; x = 0;
  printf("MSC: node %d uses the refresh token of generation %d\n", n, at[n]);
  phase[n] = exchanging
}
inline begin(n) {
  assert(!live_lease || attempt_node == n);  /* I1 */
  printf("MSC: node %d begins at generation %d\n", n, generation);
  if
  :: MUTANT == NO_DURABLE_ATTEMPT
  :: else ->
     if :: !attempt -> window_left = (PUNISHED -> W : 0) :: else fi;
     attempt = true; attempt_node = n; of_dead_incarnation = false; lease = L + R
  fi;
  at[n] = generation; deadline[n] = T; phase[n] = begun
}
inline store(n, p) {  /* both tokens, the generation and the attempt in one transaction */
  if
  :: generation + 1 == p || MUTANT == NO_GENERATION_IN_COMMIT ->
     printf("MSC: node %d commits generation %d over %d\n", n, p, generation);
     assert(p == generation + 1);  /* I3 */
     if :: !PUNISHED -> window[generation] = (W > 0) :: else fi;
     generation = p; access = p;
     if :: MUTANT != ONE_TOKEN_REPLACED -> refresh = p :: else fi;
     clear_attempt(); calm = 0; kept_calm = false
  :: else -> printf("MSC: node %d has a late pair of generation %d\n", n, p)
  fi
}

proctype Node(byte n) {
  byte x;
  do
  :: over -> break
  /* 1 BEGIN, for a caller or to recover: one conditional update, durable before the wire. */
  :: d_step { !over && awake(n) && phase[n] == idle && generation < GENS && spool[n] != generation + 1 &&
              may_begin(n) && (n == 0 || generation > 0 || attempt || window[0] != UNUSED) ->  /* node 0 is the first */
       begin(n) }
  :: d_step { !over && awake(n) && phase[n] == retrying && generation == at[n] && may_begin(n) -> begin(n) }
  :: d_step { !over && awake(n) && phase[n] == retrying && generation != at[n] -> land(n) }

  /* 2 EXCHANGE: the deadline is checked again right before the write. */
  :: d_step { !over && awake(n) && phase[n] == begun ->
       if
       :: (deadline[n] > 0 && (!PUNISHED || window_left > 0)) || MUTANT == DEADLINE_NOT_CHECKED ->
          if :: PUNISHED -> put_on_the_wire(n) :: else -> phase[n] = checked fi
       :: else -> deadline[n] = 0; if :: may_retry || !PUNISHED -> phase[n] = retrying :: else -> land(n) fi
       fi }
  :: d_step { !over && awake(n) && phase[n] == checked -> put_on_the_wire(n) }

  /* An answer, of the last exchange or of an older one: it is read on. */
  :: atomic { !over && awake(n) && (phase[n] == idle || phase[n] == retrying || phase[n] == exchanging) &&
              (wire[2 * n] == answered || wire[2 * n + 1] == answered) ->
       if :: wire[2 * n] == answered -> x = 2 * n :: wire[2 * n + 1] == answered -> x = 2 * n + 1 fi;
       d_step {
         printf("MSC: node %d has the pair of generation %d\n", n, wire_at[x] + 1);
         if
         :: phase[n] == idle || wire_at[x] == at[n] -> pair[n] = wire_at[x] + 1; phase[n] = holding
         :: else  /* of an older flight of this node: a late pair */
         fi;
         end_exchange(x); x = 0; judge() } }
  /* T has passed, or the connection broke: the outcome is unknown and the attempt stays. */
  :: d_step { !over && awake(n) && (timed_out(n) || (phase[n] == exchanging && !in_flight(n))) ->
       printf("MSC: node %d does not know the outcome\n", n);
       if :: in_flight(n) -> fault(n) :: else fi;  /* slow */
       if
       :: MUTANT == UNKNOWN_TAKEN_FOR_UNUSED -> clear_attempt(); land(n)
       :: else -> if :: may_retry -> phase[n] = retrying; deadline[n] = 0 :: else -> land(n) fi
       fi;
       judge() }
  :: d_step { !over && MUTANT == CLOSED_AT_T && awake(n) && phase[n] == exchanging && deadline[n] == 0 ->
       x = 2 * n + 1; close_exchange(x); x = 2 * n; close_exchange(x); x = 0; judge() }

  /* 3 COMMIT, or the spool slot that was reserved before the wire. */
  :: d_step { !over && awake(n) && phase[n] == holding -> store(n, pair[n]); land(n); judge() }
  :: atomic { STORE_FAULTS && !over && awake(n) && phase[n] == holding ->
       if
       :: skip
       :: store(n, pair[n])  /* only the acknowledgement is lost */
       fi;
       d_step {
         printf("MSC: node %d is told that its commit failed\n", n);
         fault(n);
         if :: MUTANT != NO_SPOOL -> spool[n] = pair[n] :: else fi;
         land(n); judge() } }
  :: d_step { !over && awake(n) && phase[n] == idle && spool[n] > 0 -> store(n, spool[n]); spool[n] = 0; judge() }

  /* kill -9, and a pause in the middle of something; the disk stays. */
  :: d_step { CRASHES && !over && !down[n] ->
       printf("MSC: node %d crashes\n", n);
       fault(n); land(n); down[n] = true; paused[n] = false;
       if :: attempt && attempt_node == n -> of_dead_incarnation = true :: else fi;
       x = 2 * n + 1; close_exchange(x); x = 2 * n; close_exchange(x); x = 0; judge() }
  :: d_step { !over && down[n] -> printf("MSC: node %d starts\n", n); down[n] = false }
  :: d_step { PAUSES && !over && awake(n) && phase[n] != idle &&
              (PAUSES == 2 || (phase[n] == checked && !paused[1 - n])) ->
       printf("MSC: node %d pauses\n", n); fault(n); paused[n] = true }
  :: d_step { !over && paused[n] -> printf("MSC: node %d wakes\n", n); paused[n] = false }
  od
}

/* The network and the provider: a request is served at any time, also when its node is gone. */
proctype Provider() {
  byte x;
  do
  :: over -> break
  :: atomic { !over && (request(0) || request(1) || request(2) || request(3)) ->
       if :: request(0) -> x = 0 :: request(1) -> x = 1 :: request(2) -> x = 2 :: request(3) -> x = 3 fi;
       d_step {
         if
         :: window[wire_at[x]] == UNUSED ->
            printf("MSC: the provider rotates generation %d\n", wire_at[x]);
            window[wire_at[x]] = W; calm = 0
         :: open(wire_at[x]) -> printf("MSC: the provider answers generation %d again\n", wire_at[x])
         :: else -> printf("MSC: the provider refuses generation %d\n", wire_at[x]); assert(!PUNISHED); wire[x] = orphan
         fi;
         if :: wire[x] == sent -> wire[x] = answered :: else -> end_exchange(x) fi;
         x = 0; judge() } }
  :: atomic { LOSSES && !over && (wire[0] != quiet || wire[2] != quiet) ->
       if
       :: wire[0] != quiet -> x = 0
       :: wire[1] != quiet -> x = 1
       :: wire[2] != quiet -> x = 2
       :: wire[3] != quiet -> x = 3
       fi;
       d_step { printf("MSC: what was under way is lost\n"); fault(x / 2); end_exchange(x); x = 0; judge() } }
  od
}

proctype Clock() {
  byte g;
  do
  :: over -> break
  :: d_step { !over && !overdue(0) && !overdue(1) && !arriving ->
       printf("MSC: a tick\n");
       if :: calm == CALM && open(generation) -> kept_calm = true :: else fi;  /* what was due in the last of these ticks has been done */
       if
       :: !open(generation) || ((!awake(0) || UNSTEADY == 0) && !awake(1)) -> calm = 0
       :: else -> if :: calm < CALM -> calm++ :: else fi
       fi;
       if :: lease > 0 -> lease-- :: else fi;
       if :: window_left > 0 -> window_left-- :: else fi;
       if :: deadline[0] > 0 -> deadline[0]-- :: else fi;
       if :: deadline[1] > 0 -> deadline[1]-- :: else fi;
       g = 0;
       do
       :: g <= GENS -> if :: open(g) && (PUNISHED || g == generation) -> window[g]-- :: else fi; g++
       :: else -> break
       od;
       g = 0; judge() }
  od
}

init { atomic { run Provider(); run Clock(); run Node(0); run Node(1) } }

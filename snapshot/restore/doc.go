/*
Package restore puts the state of a container or of a service back that a snapshot has kept, or says in words why not.

A restore is a machine that any bot can carry on where another one died:

	requested ──▶ preflight ──▶ prepared ──▶ swapping ──▶ started ──▶ verified
	    │             │             │            │           │
	    └─────────────▼             └────────────┴───────────┴──▶ reverting ──▶ reverted
	               refused                                            │
	                                                                  └──▶ failed

This is the transition table (a test compares the two):

	requested → preflight | refused
	preflight → prepared | refused
	prepared → swapping | reverting
	swapping → started | reverting
	started → verified | reverting
	reverting → reverted | failed

# Where to read

Read the machine first:

	restore.go     Restorer: what people ask for, who runs it, how it stops
	state.go       the states, and the one table of what may follow what
	journal.go     Restore and its Plan: what is written down
	ports.go       what a restore asks of the engine and of the database
	machine.go     from state to state; subject: the five verbs that a state's work consists of
	task.go        one act on the engine, under the lease
	lease.go       which bot may act
	say.go         what people are told of each state

Then what is restored. A service of a Swarm is in one file, service.go. A container is in several:

	container.go   the verbs Preflight, Prepare and Verify; plan.go and verify.go have the details
	swap.go        the verb Swap, the only downtime
	revert.go      the verb Revert; cannotrevert.go is for when the old container can't be put back
	aside.go       what is done with containers that the engine won't remove
	contents.go    the contents of volumes, when they are restored as well
	joined.go      containers that share its namespaces
	autoremove.go  containers that the engine removes when they stop
	retire.go      what becomes of the old container
	hold.go        what the restore puts on hold
	startsagain.go somebody else's loop that takes the name in the swap

Before anybody has asked: offer.go says whether a snapshot can be restored, offers.go what each would change, choose.go which is
the way out, consequences.go what to warn of.

And what comes after: lateacts.go puts right what an act has done that came too late, leftovers.go removes what restores
have left, waits.go says when a restore waits for the engine,
untaken.go refuses what no bot takes.

# The work of a state

A state is written to the journal before its work is done. So whoever reads "swapping" knows that the old container may
have been stopped, renamed, neither or both. The work looks at what is there and does what is left to do. It can be done
twice, by this bot or by another one.

So a state is named after what its work brings about: in "prepared" the replacement is still being made, in "started" it
still has to prove itself.

	preflight   Changes nothing. Finds the container; checks the image, networks, volumes, ports and names.
	prepared    Creates the replacement as <name>.snapback-<restore>, so that it is found again after a crash.
	swapping    Switches the old one's restart policy off, stops it and renames it to <name>.before-0347. Then renames
	            the replacement to <name> and starts it. The only downtime is between the stop and the start. With
	            volumes: before that rename, their contents are archived and then replaced (contents.go).
	started     Waits for the health check, or for the container to stay up. Compares it with the snapshot, makes those anew
	            that share its namespaces, sees to the old one, and puts on hold what was rolled back.
	reverting   Puts the volumes' contents back, removes the replacement or sets it aside, gives the old one its name and its restart
	            policy, starts it if it ran, and sees it stay up for a second.

Of a service, the Swarm replaces the tasks itself:

	preflight   Changes nothing. Finds the service; checks its mode, configs, secrets and networks, and whether nodes can have its image.
	prepared    Keeps the spec that runs now, as a snapshot.
	swapping    Sends the spec of the snapshot, if the service is what was seen, with as many tasks as there are unless those of then are asked for.
	started     Waits until all tasks are of that spec and run, and no others.
	reverting   Sends the spec from before, and waits until its tasks run.

# Who may act

A restore has one runner at a time: the bot that holds its lease. The lease has an epoch, which rises whenever the
restore changes hands. Every write to the journal names its epoch, and is refused with ErrFenced when it is not the
current one.

The engine knows nothing of epochs. So before every act on it the runner checks that its lease has not run out. It goes
by its own clock, which started before the journal's. An act that was begun in time can still arrive late. Acts name
containers by ID and mean the same whoever does them, so that mostly does no harm. The journal remembers from whom a
restore was taken; when it is over, what came late is put right (lateacts.go).

A bot takes over restores of its own engine and its own containers, and no others.

# What can go missing

	the bot        The next one to look takes the restore over: the same bot at once, another one when the lease has run
	               out.
	the journal    Nothing new is begun. A swap or a revert that has begun goes on, for a minute at most: nobody else can
	               claim it without the journal, and a stopped container must not wait for a database (lease.go). A
	               journal that does not answer is no verdict: ErrJournalAway, and the restore is taken up again.
	the engine     Acts return ErrEngineAway. The restore stays in its state and is taken up again every second; after ten
	               seconds people are told (waits.go). An engine that answers, and never ends one act, has failed it.
	the new one    Reverting puts the old one back; that is tried several times.
	the old one    When somebody has removed it, the replacement stays, whatever it is like (cannotrevert.go). When its
	               stop was answered with an error, it may still die of that stop. So it is stopped to the end before it
	               is started again.
	both           When somebody runs another container under the name, that one is left alone.
	the way back   When neither comes up, the restore has failed, and says in words what a person can do.

# What is not here

Who may ask (access), how a container is copied to the letter (snapshot/docker), how volumes are archived (capture), and
where the journal is kept (store).
*/
package restore

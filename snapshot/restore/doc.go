package restore

/*
How a restore runs.

	requested ──▶ preflight ──▶ prepared ──▶ swapping ──▶ started ──▶ verified
	                  │             │            │           │
	                  ▼             └────────────┴───────────┴──▶ reverting ──▶ reverted
	               refused                                            │
	                                                                  └──▶ failed

The same, as the transition table has it (a test compares the two):

	requested → preflight
	preflight → prepared | refused
	prepared → swapping | reverting
	swapping → started | reverting
	started → verified | reverting
	reverting → reverted | failed

A state is written to the journal before its work is done. So whoever reads "swapping" knows that the old container may
have been stopped, renamed, neither or both. The work of a state looks at what is there, and does what is left to do;
it can be done twice, by this bot or by another.

	preflight   changes nothing: finds the container, checks the image, networks, volumes, ports and names
	prepared    creates the replacement as <name>.snapback-<restore>, so that it is found again after a crash
	swapping    restart policy of the old one off · stop it · rename it to <name>.before-0347 · rename the
	            replacement to <name> · start it. The only downtime is between the stop and the start. With volumes:
	            before the rename, what they hold is kept, and they are filled (see contents.go)
	started     waits for the health check, or for the container to stay up
	reverting   fills the volumes with what they held · removes the replacement · renames the old one back · restart policy as it was · start it
	            if it ran, and see it stay up for a second

Who may act. A restore has one runner at a time: the bot that holds its lease, under an epoch that rises whenever the
restore changes hands. Every write to the journal names its epoch and is refused when that is no longer the current one
(ErrFenced). The engine knows nothing of epochs, so before every act on it the runner checks that its lease has not run
out by its own clock, which started before the journal's. An act that was begun in time can still arrive late. Acts name
containers by ID and have the same meaning whoever does them, so that mostly does no harm. The journal remembers from
whom a restore was taken, and when it is over, what came late is put right (lateacts.go). A bot takes over what its own engine and
its own containers are concerned by, and nothing else.

What can go missing, and what happens then:

	the bot       the next one to look takes the restore over: the same bot at once, another when the lease has run out
	the journal   nothing new is begun. A swap that has begun goes on to its end, for a minute at most: nobody else can
	              claim it without the journal, and a stopped container must not wait for a database (see lease.go)
	              One that only stalls is no verdict either: ErrJournalAway, and the restore is taken up again
	the engine    acts return ErrEngineAway; the restore stays where it is and is taken up again every second; after ten, people
	              are told (waits.go). One that answers, and never ends one act, has given its verdict on that
	the new one   reverting puts the old one back, several times if need be
	the old one   when somebody has removed it, the replacement stays, whatever it is like (cannotrevert.go). One whose stop was
	              answered with an error may die of it yet: it is stopped to the end before it is started again
	both          when somebody runs another container under the name, that one is left alone
	the way back  when neither comes up, the restore has failed, and says in words what a person can do

What is not here: who may ask (bot, api), how a container is copied to the letter (snapshot/docker), and where the journal
is kept (store).
*/

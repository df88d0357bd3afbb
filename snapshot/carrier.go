package snapshot

// Carrier is what is known of something that runs in several containers, such as a service of a Swarm, by which it is told whether the bot depends
// on it.
type Carrier struct {
	Containers []string          // IDs, also of those that have ended
	Addresses  []string          // by which they are reached; one with the length of a prefix, as 10.0.1.5/24: only by who is on that network
	Ports      []int             // of the engine's host, by TCP, that lead to them
	Volumes    map[string]string // that are mounted in one on the engine: names by where
}

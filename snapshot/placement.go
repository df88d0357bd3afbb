package snapshot

// Placement is where the tasks of a Swarm's service stood when it was last seen, and where its spec lets them stand. It is for people: a
// restore leaves it to the Swarm where tasks run.
type Placement struct {
	Constraints []string     `json:"constraints"` // the spec's, such as node.role==worker
	Spread      []string     `json:"spread"`      // the attributes of nodes over which tasks are spread
	MaxOnNode   uint64       `json:"max_on_node"` // how many tasks may run on one node; 0: any number
	Tasks       []PlacedTask `json:"tasks"`       // those that ran
}

// PlacedTask is a task that ran.
type PlacedTask struct {
	Name string `json:"name"` // shop.2
	Node string `json:"node"` // as the node called itself; its ID where the manager did not know it any more
}

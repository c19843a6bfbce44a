package charmtest

import "jujuetcd.io/pkg/etcdops"

// Healthy is a cluster of one member that serves.
func Healthy() etcdops.View {
	const url = "https://10.0.0.4:2379"
	return etcdops.View{
		At: Now, Listed: true,
		Members: []etcdops.Member{{ID: 1, Name: "etcd0", PeerURLs: []string{"https://10.0.0.4:2380"}, ClientURLs: []string{url}}},
		Health: map[string]etcdops.EndpointHealth{url: {Endpoint: url, At: Now, Serves: true, Answered: true, ClusterID: 7,
			MemberID: 1, Leader: 1, Version: "3.6.16", RaftTerm: 2, RaftIndex: 9, AppliedIndex: 9}},
	}
}

// Down is the same cluster when nothing answers.
func Down() (etcdops.EndpointHealth, etcdops.View) {
	const url = "https://10.0.0.4:2379"
	h := etcdops.EndpointHealth{Endpoint: url, At: Now, Fault: etcdops.FaultRefused}
	return h, etcdops.View{At: Now, Health: map[string]etcdops.EndpointHealth{url: h}, Err: "nobody answers"}
}

// Three are three members; those with a number in dead do not answer.
func Three(dead ...int) etcdops.View {
	view := etcdops.View{At: Now, Listed: true, ClusterID: 7, Health: map[string]etcdops.EndpointHealth{}}
	for i, ip := range []string{"10.0.0.4", "10.0.0.5", "10.0.0.6"} {
		url := "https://" + ip + ":2379"
		id := etcdops.MemberID(i + 1)
		view.Members = append(view.Members, etcdops.Member{ID: id, Name: "etcd" + string(rune('0'+i)),
			PeerURLs: []string{"https://" + ip + ":2380"}, ClientURLs: []string{url}})
		view.Health[url] = etcdops.EndpointHealth{Endpoint: url, At: Now, Serves: true, Answered: true, ClusterID: 7, MemberID: id,
			Leader: 2, Version: "3.6.16", RaftTerm: 2, RaftIndex: 9, AppliedIndex: 9}
	}
	for _, i := range dead {
		url := view.Members[i].ClientURLs[0]
		view.Health[url] = etcdops.EndpointHealth{Endpoint: url, At: Now, Fault: etcdops.FaultRefused}
	}
	return view
}

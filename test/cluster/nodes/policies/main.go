// The policy engine of kube-network-policies on one node. Packets come to it by the NFQUEUE target, as iptables would send
// them: not every kernel has the queue expression that the engine itself asks nftables for.
//
//	policies KUBECONFIG NODE   enforces until it is told to end
//	policies try               only tries whether the kernel can
package main

import (
	"context"
	"log"
	"os"
	"os/signal"
	"syscall"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/xt"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/kube-network-policies/pkg/networkpolicy"
)

const queue = 100

func main() {
	if len(os.Args) == 2 && os.Args[1] == "try" {
		check(divert())
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	config, err := clientcmd.BuildConfigFromFlags("", os.Args[1])
	check(err)
	client, err := kubernetes.NewForConfig(config)
	check(err)
	all := informers.NewSharedInformerFactory(client, 0)
	engine, err := networkpolicy.NewController(client, all.Networking().V1().NetworkPolicies(), all.Core().V1().Namespaces(),
		all.Core().V1().Pods(), nil, nil, nil, nil, networkpolicy.Config{QueueID: queue, NodeName: os.Args[2]})
	check(err)
	all.Start(ctx.Done())
	all.WaitForCacheSync(ctx.Done())
	check(divert())
	log.Print("enforcing")
	check(engine.Run(ctx))
}

// divert queues the first packet of every connection, except those that root opens on the node: the kubelet's probes.
func divert() error {
	nft, err := nftables.New()
	if err != nil {
		return err
	}
	table := nft.AddTable(&nftables.Table{Name: "policies", Family: nftables.TableFamilyIPv4})
	// Before addresses are translated.
	before := nftables.ChainPriorityRef(*nftables.ChainPriorityNATSource - 5)
	chain := nft.AddChain(&nftables.Chain{Name: "postrouting", Table: table, Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookPostrouting, Priority: before})
	rule := func(exprs ...expr.Any) { nft.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: exprs}) }
	zero, accept := make([]byte, 4), &expr.Verdict{Kind: expr.VerdictAccept}
	// meta skuid 0 accept
	rule(&expr.Meta{Key: expr.MetaKeySKUID, Register: 1}, &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: zero}, accept)
	// ct state established,related accept
	mask := binaryutil.NativeEndian.PutUint32(expr.CtStateBitESTABLISHED | expr.CtStateBitRELATED)
	rule(&expr.Ct{Register: 1, Key: expr.CtKeySTATE},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4, Mask: mask, Xor: zero},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: zero}, accept)
	// struct xt_NFQ_info, padded to eight bytes
	number := xt.Unknown(append(binaryutil.NativeEndian.PutUint16(queue), make([]byte, 6)...))
	rule(&expr.Target{Name: "NFQUEUE", Info: &number})
	return nft.Flush()
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

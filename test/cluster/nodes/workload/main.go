// The one program in our images. Its arguments are steps, done in order; a step that fails ends it with status 1 and
// says what failed. Without arguments the steps come from WORKLOAD, one a line.
//
//	serve=:8080            answers HTTP from here on (several are possible); see handlers
//	write=/path            writes one byte
//	on-request=/path       writes one byte on every request to /
//	mkdir=/path            makes a directory
//	remove=/path           removes a file or an empty directory
//	read=/path             reads a file
//	chown=/path:1000:1000  gives a file to somebody (CAP_CHOWN)
//	chmod=/path:600        changes a file's mode
//	need=net_raw           does what needs a capability, or a system call that seccomp may forbid; see need
//	setuid=1000            goes on as another user and group (CAP_SETUID, CAP_SETGID)
//	exec=/path step ...    runs a program with the steps that follow, separated by spaces
//	unready=               /readyz refuses from here on
//	udp=:53                answers datagrams from here on
//	tcp=10.0.0.1:80        connects to somebody, and gives up after a second
//	reach=tcp/10.0.0.1:80  says of each of these, separated by spaces, whether it is open or closed
//	socket=/path           listens on a Unix socket from here on
//	connect=/path          talks to one; waits for it up to 20 s
//	wait=/path             waits for a file up to 20 s
//	lock=/path             holds an exclusive lock on a file from here on, or fails at once
//	signal=word            may it signal the other process that has this word in its command line?
//	spawn=/path step ...   starts a program that goes on beside this one, and ends with it
//	fail-until=/path:2     ends with status 1 until it has done so twice, counting in a file
//	request=step           does the step on every request to /; what fails is answered with status 500
//	linger=5s              takes this long to end when told to
//	sleep=3s, exit=0       waits; ends
//	netexec, connect ...   as agnhost of Kubernetes' tests does, as far as we use it
//	pause=                 waits until it is told to end; so does the end of the steps after a serve
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

var (
	unready   atomic.Bool
	onRequest atomic.Value
	linger    atomic.Int64
	serving   bool
	held      []any
)

func main() {
	steps := os.Args[1:]
	if len(steps) == 0 {
		steps = strings.FieldsFunc(os.Getenv("WORKLOAD"), func(r rune) bool { return r == '\n' })
	}
	go endWhenTold()
	told, _ := json.Marshal(identity())
	fmt.Printf("identity %s\n", told)
	if len(steps) > 0 {
		steps = likeAgnhost(steps)
	}
	for _, step := range steps {
		if err := do(step); err != nil {
			fmt.Printf("failed %s: %v\n", step, err)
			os.Exit(1)
		}
		fmt.Printf("done %s\n", step)
	}
	if serving {
		select {}
	}
}

// likeAgnhost turns what agnhost is told into steps.
func likeAgnhost(args []string) []string {
	switch args[0] {
	case "netexec":
		return []string{"serve=:" + strings.TrimPrefix(args[1], "--http-port=")}
	case "connect":
		return []string{"tcp=" + args[len(args)-1]}
	}
	return args
}

// The first process of a container ignores the signals that it does not handle.
func endWhenTold() {
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGTERM, syscall.SIGINT)
	<-told
	time.Sleep(time.Duration(linger.Load()))
	os.Exit(0)
}

// identity tells who this is as the kernel sees it: the lines of /proc/self/status.
func identity() map[string]string {
	wanted := map[string]string{
		"Uid": "uid", "Gid": "gid", "Groups": "groups", "CapEff": "capEff", "CapBnd": "capBnd",
		"NoNewPrivs": "noNewPrivs", "Seccomp": "seccomp",
	}
	found := map[string]string{}
	status, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		if as, ok := wanted[name]; ok {
			found[as] = strings.TrimSpace(value)
		}
	}
	// Real, effective, saved and file system ids: the effective one counts.
	for _, id := range []string{"uid", "gid"} {
		if all := strings.Fields(found[id]); len(all) > 1 {
			found[id] = all[1]
		}
	}
	return found
}

func do(step string) error {
	verb, value, _ := strings.Cut(step, "=")
	switch verb {
	case "serve":
		return serve(value)
	case "write":
		return os.WriteFile(value, []byte("x"), 0o644)
	case "on-request":
		onRequest.Store("write=" + value)
		return nil
	case "request":
		onRequest.Store(value)
		return nil
	case "chmod":
		path, mode, _ := strings.Cut(value, ":")
		bits, err := strconv.ParseUint(mode, 8, 32)
		if err != nil {
			return err
		}
		return os.Chmod(path, os.FileMode(bits))
	case "udp":
		connection, err := net.ListenPacket("udp", value)
		if err == nil {
			go answer(connection)
		}
		return err
	case "tcp":
		return dial("tcp", value)
	case "reach":
		reach(strings.Fields(value))
		return nil
	case "socket":
		return listenUnix(value)
	case "connect":
		return patiently(func() error {
			connection, err := net.Dial("unix", value)
			if err == nil {
				connection.Close()
			}
			return err
		})
	case "wait":
		return patiently(func() error { _, err := os.Stat(value); return err })
	case "lock":
		return lock(value)
	case "signal":
		return signalOther(value)
	case "spawn":
		return spawn(value)
	case "fail-until":
		return failUntil(value)
	case "linger":
		length, err := time.ParseDuration(value)
		linger.Store(int64(length))
		return err
	case "mkdir":
		return os.Mkdir(value, 0o755)
	case "remove":
		return os.Remove(value)
	case "read":
		_, err := os.ReadFile(value)
		return err
	case "chown":
		return chown(value)
	case "need":
		return need(value)
	case "setuid":
		return setuid(value)
	case "exec":
		return run(value)
	case "unready":
		unready.Store(true)
		return nil
	case "sleep":
		length, err := time.ParseDuration(value)
		time.Sleep(length)
		return err
	case "exit":
		status, err := strconv.Atoi(value)
		if err == nil {
			os.Exit(status)
		}
		return err
	case "pause":
		select {}
	}
	return fmt.Errorf("there is no such step")
}

// serve answers / with the identity, /healthz, /readyz, and /do?step=... which does steps at once.
func serve(address string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	handlers := http.NewServeMux()
	handlers.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) {
		if step, ok := onRequest.Load().(string); ok {
			if err := do(step); err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
		}
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(identity())
	})
	handlers.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	handlers.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) {
		if unready.Load() {
			http.Error(w, "not ready", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	handlers.HandleFunc("/do", func(w http.ResponseWriter, r *http.Request) {
		for _, step := range r.URL.Query()["step"] {
			if err := do(step); err != nil {
				http.Error(w, fmt.Sprintf("failed %s: %v", step, err), http.StatusInternalServerError)
				return
			}
		}
		fmt.Fprintln(w, "done")
	})
	serving = true
	go http.Serve(listener, handlers)
	return nil
}

func chown(value string) error {
	path, owner, _ := strings.Cut(value, ":")
	user, group, _ := strings.Cut(owner, ":")
	uid, err := strconv.Atoi(user)
	if err != nil {
		return err
	}
	gid, err := strconv.Atoi(group)
	if err != nil {
		return err
	}
	return os.Chown(path, uid, gid)
}

func need(capability string) error {
	switch capability {
	case "net_raw":
		socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_RAW, syscall.IPPROTO_ICMP)
		if err == nil {
			syscall.Close(socket)
		}
		return err
	case "net_admin":
		socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM, 0)
		if err != nil {
			return err
		}
		defer syscall.Close(socket)
		return syscall.SetsockoptInt(socket, syscall.SOL_SOCKET, syscall.SO_RCVBUFFORCE, 4096)
	case "sys_chroot":
		return syscall.Chroot("/")
	case "mknod":
		defer os.Remove("/tmp/null")
		return syscall.Mknod("/tmp/null", syscall.S_IFCHR|0o600, 1<<8|3)
	case "user_namespace":
		child := exec.Command("/proc/self/exe", "exit=0")
		child.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER}
		return child.Run()
	case "keyring":
		_, _, failed := syscall.Syscall6(syscall.SYS_KEYCTL, 0, ^uintptr(2), 1, 0, 0, 0)
		if failed != 0 {
			return failed
		}
		return nil
	case "trace":
		child := exec.Command("/proc/self/exe", "exit=0")
		child.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
		return child.Start()
	}
	return fmt.Errorf("there is no test of this capability")
}

func setuid(value string) error {
	id, err := strconv.Atoi(value)
	if err != nil {
		return err
	}
	if err := syscall.Setgroups([]int{}); err != nil {
		return fmt.Errorf("setgroups: %w", err)
	}
	if err := syscall.Setgid(id); err != nil {
		return fmt.Errorf("setgid: %w", err)
	}
	return syscall.Setuid(id)
}

func run(value string) error {
	words := strings.Fields(value)
	if len(words) == 0 {
		return fmt.Errorf("no program is named")
	}
	command := exec.Command(words[0], words[1:]...)
	printed, err := command.CombinedOutput()
	fmt.Print(string(printed))
	if err != nil {
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(string(printed)))
	}
	return nil
}

func patiently(try func() error) error {
	return within(20*time.Second, try)
}

func within(patience time.Duration, try func() error) error {
	var err error
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		// What is forbidden stays so.
		if err = try(); err == nil || errors.Is(err, os.ErrPermission) {
			return err
		}
	}
	return err
}

func answer(connection net.PacketConn) {
	datagram := make([]byte, 64)
	for {
		_, from, err := connection.ReadFrom(datagram)
		if err != nil {
			return
		}
		connection.WriteTo([]byte("x"), from)
	}
}

// dial opens a connection; over UDP, which has none, somebody must answer.
func dial(protocol string, address string) error {
	connection, err := net.DialTimeout(protocol, address, time.Second)
	if err != nil {
		return err
	}
	defer connection.Close()
	if protocol != "udp" {
		return nil
	}
	connection.SetDeadline(time.Now().Add(time.Second))
	if _, err := connection.Write([]byte("x")); err != nil {
		return err
	}
	_, err = connection.Read(make([]byte, 1))
	return err
}

func reach(all []string) {
	said := make([]string, len(all))
	var every sync.WaitGroup
	for index, one := range all {
		every.Go(func() {
			protocol, address, _ := strings.Cut(one, "/")
			said[index] = "open " + one
			if dial(protocol, address) != nil {
				said[index] = "closed " + one
			}
		})
	}
	every.Wait()
	fmt.Println(strings.Join(said, "\n"))
}

func listenUnix(path string) error {
	listener, err := net.Listen("unix", path)
	if err != nil {
		return err
	}
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			connection.Close()
		}
	}()
	return nil
}

func lock(path string) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return err
	}
	held = append(held, file)
	return syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
}

func signalOther(word string) error {
	return within(3*time.Second, func() error {
		processes, _ := os.ReadDir("/proc")
		for _, process := range processes {
			id, err := strconv.Atoi(process.Name())
			line, _ := os.ReadFile("/proc/" + process.Name() + "/cmdline")
			if err == nil && id != os.Getpid() && strings.Contains(string(line), word) && !strings.Contains(string(line), "signal=") {
				return syscall.Kill(id, 0)
			}
		}
		return fmt.Errorf("there is no other process with %s", word)
	})
}

func spawn(value string) error {
	words := strings.Fields(value)
	command := exec.Command(words[0], words[1:]...)
	command.Stdout = os.Stdout
	if err := command.Start(); err != nil {
		return err
	}
	go func() {
		fmt.Printf("failed spawn=%s: %v\n", value, command.Wait())
		os.Exit(1)
	}()
	return nil
}

func failUntil(value string) error {
	path, wanted, _ := strings.Cut(value, ":")
	times, err := strconv.Atoi(wanted)
	if err != nil {
		return err
	}
	seen, _ := os.ReadFile(path)
	if len(seen) >= times {
		return nil
	}
	if err := os.WriteFile(path, append(seen, 'x'), 0o644); err != nil {
		return err
	}
	return fmt.Errorf("time %d of %d", len(seen)+1, times)
}

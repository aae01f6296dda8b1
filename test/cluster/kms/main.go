// A KMS v2 plugin for tests: it serves Kubernetes' plugin interface on a unix socket, with keys that a file names.
package main

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"k8s.io/kms/pkg/service"
)

// The file holds ids of keys, the one that encrypts first; it is read anew at every call. A key's bytes are the hash of its id.
type plugin struct{ file string }

func (p plugin) ids() []string {
	text, err := os.ReadFile(p.file)
	if err != nil {
		return nil
	}
	return strings.Fields(string(text))
}

func sealer(id string) (cipher.AEAD, error) {
	key := sha256.Sum256([]byte(id))
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

func (p plugin) Status(ctx context.Context) (*service.StatusResponse, error) {
	ids := p.ids()
	if len(ids) == 0 {
		return &service.StatusResponse{Version: "v2", Healthz: "no key", KeyID: "none"}, nil
	}
	return &service.StatusResponse{Version: "v2", Healthz: "ok", KeyID: ids[0]}, nil
}

func (p plugin) Encrypt(ctx context.Context, uid string, data []byte) (*service.EncryptResponse, error) {
	ids := p.ids()
	if len(ids) == 0 {
		return nil, fmt.Errorf("no key")
	}
	aead, err := sealer(ids[0])
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, aead.NonceSize())
	if _, err := rand.Read(nonce); err != nil {
		return nil, err
	}
	return &service.EncryptResponse{Ciphertext: aead.Seal(nonce, nonce, data, nil), KeyID: ids[0]}, nil
}

func (p plugin) Decrypt(ctx context.Context, uid string, request *service.DecryptRequest) ([]byte, error) {
	for _, id := range p.ids() {
		if id != request.KeyID {
			continue
		}
		aead, err := sealer(id)
		if err != nil {
			return nil, err
		}
		size := aead.NonceSize()
		if len(request.Ciphertext) < size {
			return nil, fmt.Errorf("too short")
		}
		return aead.Open(nil, request.Ciphertext[:size], request.Ciphertext[size:], nil)
	}
	return nil, fmt.Errorf("key %s is not here", request.KeyID)
}

func main() {
	stopped := make(chan os.Signal, 1)
	signal.Notify(stopped, os.Interrupt, syscall.SIGTERM)
	server := service.NewGRPCService(os.Args[1], 5*time.Second, plugin{os.Args[2]})
	go func() {
		<-stopped
		server.Shutdown()
	}()
	if err := server.ListenAndServe(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

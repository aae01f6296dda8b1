/**
 * What the test control plane is made of: versions and how each program is built.
 *
 * Everything comes as Go modules, checked against Go's public checksum database, so no container
 * images and no release downloads are needed.
 */
import { createHash } from 'node:crypto'

export const kubernetesVersion = 'v1.37.2'
const stagingVersion = kubernetesVersion.replace('v1.', 'v0.')

/** One program of the test control plane. */
export type Program = 'kube-apiserver' | 'kubectl' | 'etcd' | 'kube-controller-manager' | 'kube-scheduler' | 'kwok'

/** A small Go module of ours whose only task is to build programs out of a published one. */
export interface BuildModule {
  readonly name: string
  /** The published module and its version. */
  readonly requires: readonly [path: string, version: string]
  /** More modules that are required, where they are to be newer than the published one asks for. */
  readonly also?: readonly (readonly [path: string, version: string])[]
  /** Its requirements at v0.0.0 are replaced by this version (Kubernetes' staging modules). */
  readonly placeholderVersion?: string
  /** A main package of our own, when the module has none that can be built from outside. */
  readonly main?: string
}

export interface Build<Name extends string = string> {
  readonly program: Name
  readonly module: BuildModule
  /** The package to build, `.` for the module's own main. */
  readonly package: string
  readonly ldflags: string
  readonly tags?: string
  /** Needs a C compiler; everything else is built without. */
  readonly cgo?: true
}

/** Of the environment of the test's API server: how often it looks at its EncryptionConfiguration. */
export const pollVariable = 'ENCRYPTION_CONFIG_POLL'

/** Kubernetes itself, from which the kubelet is built too. */
export const kubernetes: BuildModule = {
  name: 'kubernetes',
  requires: ['k8s.io/kubernetes', kubernetesVersion],
  placeholderVersion: stagingVersion,
}

/** Its own main, but for the interval that Kubernetes' integration tests shorten too (EncryptionConfigFileChangePollDuration). */
const apiServer: BuildModule = {
  ...kubernetes,
  name: 'kube-apiserver',
  main: [
    'package main',
    '',
    'import (',
    '\t"os"',
    '\t"time"',
    '\t_ "time/tzdata"',
    '',
    '\t"k8s.io/apiserver/pkg/server/options/encryptionconfig/controller"',
    '\t"k8s.io/component-base/cli"',
    '\t_ "k8s.io/component-base/logs/json/register"',
    '\t_ "k8s.io/component-base/metrics/prometheus/clientgo"',
    '\t_ "k8s.io/component-base/metrics/prometheus/version"',
    '\t"k8s.io/kubernetes/cmd/kube-apiserver/app"',
    ')',
    '',
    'func main() {',
    `\tif poll, err := time.ParseDuration(os.Getenv("${pollVariable}")); err == nil {`,
    '\t\tcontroller.EncryptionConfigFileChangePollDuration = poll',
    '\t}',
    '\tos.Exit(cli.Run(app.NewAPIServerCommand()))',
    '}',
    '',
  ].join('\n'),
}

const etcd: BuildModule = {
  name: 'etcd',
  requires: ['go.etcd.io/etcd/server/v3', 'v3.7.3'],
  main: [
    'package main',
    '',
    'import (',
    '\t"os"',
    '',
    '\t"go.etcd.io/etcd/server/v3/etcdmain"',
    ')',
    '',
    'func main() { etcdmain.Main(os.Args) }',
    '',
  ].join('\n'),
}

const kwok: BuildModule = { name: 'kwok', requires: ['sigs.k8s.io/kwok', 'v0.8.0'] }

const [, major, minor] = /^v(\d+)\.(\d+)/.exec(kubernetesVersion) ?? []
/** Link flags of every program of Kubernetes: without them the server reports a version that no client can parse. */
export const kubernetesLdflags = ['-s', '-w', ...variables('k8s.io/component-base/version')].join(' ')

function variables(at: string): string[] {
  return [`-X ${at}.gitVersion=${kubernetesVersion}`, `-X ${at}.gitMajor=${major}`, `-X ${at}.gitMinor=${minor}`]
}

function kubernetesBuild(program: Program): Build<Program> {
  return { program, module: kubernetes, package: `k8s.io/kubernetes/cmd/${program}`, ldflags: kubernetesLdflags }
}

/** All builds, the ones that every test needs first: an interrupted run goes on where it stopped. */
export const builds: readonly Build<Program>[] = [
  { program: 'kube-apiserver', module: apiServer, package: '.', ldflags: kubernetesLdflags },
  kubernetesBuild('kubectl'),
  { program: 'etcd', module: etcd, package: '.', ldflags: '-s -w' },
  kubernetesBuild('kube-controller-manager'),
  kubernetesBuild('kube-scheduler'),
  { program: 'kwok', module: kwok, package: 'sigs.k8s.io/kwok/cmd/kwok', ldflags: '-s -w' },
]

/** What Go is told besides: static programs, and nothing of the developer's own settings. */
export const goEnv = { CGO_ENABLED: '0', GOFLAGS: '-mod=mod -buildvcs=false', GOWORK: 'off' }

/** kwok's own stage files; ours stand in `stages/`. */
export const stageFiles = {
  module: kwok,
  files: [
    'kustomize/stage/pod/fast/pod-ready.yaml',
    'kustomize/stage/pod/fast/pod-complete.yaml',
    'kustomize/stage/pod/fast/pod-delete.yaml',
    'kustomize/stage/node/fast/node-initialize.yaml',
    'kustomize/stage/node/heartbeat/node-heartbeat.yaml',
  ],
} as const

/** Names the cache folder: changes with any version or recipe, so stale binaries are never used. */
export const recipeKey = `${kubernetesVersion}-${createHash('sha256')
  .update(JSON.stringify([builds, goEnv, stageFiles, process.platform, process.arch]))
  .digest('hex')
  .slice(0, 12)}`

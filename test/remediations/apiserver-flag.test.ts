import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { proposeFlags, setFlags } from '../../remediations/apiserver-flag.ts'
import type { Change, Finding, PodObject, Proposal, Snapshot } from '../../src/model/index.ts'
import { editsOfConfiguration, editsOfPod, type HostFile, withExtraArgs, withFlags } from '../../src/objects/flag-edits.ts'
import { componentFlags, flagFinding } from '../../src/objects/flags.ts'
import { applyEdits, invertEdits } from '../../src/objects/path.ts'
import { worldOf } from '../helpers/world.ts'

const world = (fields: object = {}) => `${JSON.stringify({ apiVersion: 'k8s-harden.test/v1', kind: 'World', ...fields })}\n---\n`
const apiServer = (name = 'kube-apiserver', command: readonly string[] = ['kube-apiserver', '--profiling=true']) =>
  `${JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'kube-system', annotations: { 'kubernetes.io/config.mirror': 'x' } },
    spec: { containers: [{ name: 'kube-apiserver', command }] },
  })}\n---\n`
const findingIn = (view: Snapshot, flag = 'profiling') =>
  ({ ...flagFinding(componentFlags(view, 'kube-apiserver').instances[0]!, flag), evidence: null, reason: 'x' }) as unknown as Finding
const propose = (text: string, change: Parameters<typeof proposeFlags>[0]) => {
  const { snapshot } = worldOf(text)
  return proposeFlags(change, findingIn(snapshot), { view: snapshot, options: {} })
}
const changesOf = (proposal: Proposal): readonly Change[] => {
  if (!('changes' in proposal)) throw new Error(JSON.stringify(proposal))
  return proposal.changes
}
const audit: HostFile = { name: 'audit', path: '/etc/kubernetes/audit', type: 'Directory', readOnly: true }

describe('a list of flags', () => {
  test.each<[string[], Record<string, string | null>, string[]]>([
    [['x', '--a=1', '--b=2'], { a: '3' }, ['x', '--a=3', '--b=2']],
    [['x', '--a=1'], { b: '2' }, ['x', '--a=1', '--b=2']],
    [['x', '--a', '1', '--b'], { a: '3' }, ['x', '--a', '3', '--b']],
    [['x', '--a', '--b'], { a: 'false' }, ['x', '--a=false', '--b']],
    [['x', '--a=1', '--b=2', '--a=3'], { a: '4' }, ['x', '--b=2', '--a=4']],
    [['x', '--a=1', '--b', '2', '--c'], { a: null, b: null }, ['x', '--c']],
    [['x', '--ab=1'], { a: '2' }, ['x', '--ab=1', '--a=2']],
    [['x'], { a: null }, ['x']],
  ])('%j with %j', (list, values, after) => expect(withFlags(list, values)).toEqual(after))
})

describe('a static pod', () => {
  const pod = (container: object, volumes?: object[]): PodObject =>
    ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'x' },
      spec: { containers: [{ name: 'kube-apiserver', ...container }], ...(volumes && { volumes }) },
    }) as PodObject
  const changed = (before: PodObject, values: Record<string, string | null>, files: HostFile[] = []) =>
    applyEdits(before, editsOfPod(before, 'kube-apiserver', values, files)!)

  test('a flag is changed in the list where it stands, a new one goes to the others', () => {
    const { command, args } = changed(pod({ command: ['kube-apiserver', '--a=1'], args: ['--b=2'] }), { b: '3', c: '4' }).spec
      .containers[0]!
    expect(command).toEqual(['kube-apiserver', '--a=1', '--c=4'])
    expect(args).toEqual(['--b=3'])
  })

  test('a file it must see is mounted, once', () => {
    const before = pod({ command: ['kube-apiserver', '--a=1'] })
    const mounted = changed(before, { 'audit-policy-file': '/etc/kubernetes/audit/policy.yaml' }, [audit])
    expect(mounted.spec.volumes).toEqual([{ name: 'audit', hostPath: { path: '/etc/kubernetes/audit', type: 'Directory' } }])
    expect(mounted.spec.containers[0]!.volumeMounts).toEqual([{ name: 'audit', mountPath: '/etc/kubernetes/audit', readOnly: true }])
    expect(changed(mounted, { a: '1' }, [audit])).toEqual(mounted)
  })

  test('a mount above it serves, a volume of the same path is used, and a taken name is not taken again', () => {
    expect(
      editsOfPod(
        pod({ command: ['kube-apiserver', '--a=1'], volumeMounts: [{ name: 'etc', mountPath: '/etc/kubernetes' }] }),
        'kube-apiserver',
        {},
        [audit],
      ),
    ).toEqual([])
    const known = changed(
      pod({ command: ['kube-apiserver', '--a=1'] }, [{ name: 'there', hostPath: { path: '/etc/kubernetes/audit' } }]),
      {},
      [audit],
    )
    expect(known.spec.containers[0]!.volumeMounts).toMatchObject([{ name: 'there' }])
    const taken = changed(pod({ command: ['kube-apiserver', '--a=1'] }, [{ name: 'audit', emptyDir: {} }]), {}, [audit])
    expect(taken.spec.volumes).toMatchObject([{ name: 'audit' }, { name: 'audit-k8s-harden' }])
  })

  test('the edits can be taken back', () => {
    const before = pod({ command: ['kube-apiserver', '--a=1', '--b'] })
    const edits = editsOfPod(before, 'kube-apiserver', { a: null, c: '1' }, [audit])!
    expect(applyEdits(applyEdits(before, edits), invertEdits(before, edits))).toEqual(before)
  })

  test('a shell script is left to a human', () => {
    expect(
      propose(world({ source: 'manifests' }) + apiServer('kube-apiserver', ['sh', '-c', 'kube-apiserver --profiling=true']), {
        flags: { profiling: 'false' },
      }),
    ).toEqual({ byHand: expect.stringContaining('shell script') })
  })
})

describe('a ClusterConfiguration', () => {
  test('a map stays a map, a list a list', () => {
    expect(withExtraArgs({ a: '1', b: '2' }, { a: null, c: '3' }, false)).toEqual({ b: '2', c: '3' })
    expect(
      withExtraArgs(
        [
          { name: 'a', value: '1' },
          { name: 'b', value: '2' },
          { name: 'a', value: '3' },
        ],
        { a: '4', b: null, c: '5' },
        true,
      ),
    ).toEqual([
      { name: 'a', value: '4' },
      { name: 'c', value: '5' },
    ])
  })

  test('an empty one gets the form of its version, and the volumes', () => {
    const old = applyEdits(
      { apiVersion: 'kubeadm.k8s.io/v1beta3' },
      editsOfConfiguration({ apiVersion: 'kubeadm.k8s.io/v1beta3' }, 'kube-apiserver', { a: '1' }, [audit]),
    )
    expect(old).toEqual({
      apiVersion: 'kubeadm.k8s.io/v1beta3',
      apiServer: {
        extraArgs: { a: '1' },
        extraVolumes: [
          { name: 'audit', hostPath: '/etc/kubernetes/audit', mountPath: '/etc/kubernetes/audit', readOnly: true, pathType: 'Directory' },
        ],
      },
    })
    expect(applyEdits({}, editsOfConfiguration({ apiVersion: 'kubeadm.k8s.io/v1beta4' }, 'etcd', { a: '1' }, [audit]))).toEqual({
      etcd: { local: { extraArgs: [{ name: 'a', value: '1' }] } },
    })
  })

  test("the text in kubeadm's ConfigMap keeps its comments", () => {
    const text = `${world({ source: 'manifests' })}apiVersion: v1\nkind: ConfigMap\nmetadata: {name: kubeadm-config, namespace: kube-system}\ndata:\n  ClusterConfiguration: |\n    # ours\n    apiVersion: kubeadm.k8s.io/v1beta4\n    apiServer:\n      extraArgs:\n        - name: profiling\n          value: "true"\n`
    const [change] = changesOf(propose(text, { flags: { profiling: 'false' } }))
    const to = (change as Extract<Change, { type: 'edit' }>).edits[0] as { to: string }
    expect(to.to).toContain('# ours')
    expect(parse(to.to)).toEqual({
      apiVersion: 'kubeadm.k8s.io/v1beta4',
      apiServer: { extraArgs: [{ name: 'profiling', value: 'false' }] },
    })
  })
})

describe('a live cluster', () => {
  const live = world() + apiServer('kube-apiserver-a')

  test('gets a fragment to merge, ordered steps and a way back; the node is not touched', () => {
    const [file, ...more] = changesOf(propose(live, { flags: { profiling: 'false' }, files: [audit], first: ['place the file'] }))
    expect(more).toEqual([])
    if (file?.type !== 'file') throw new Error('no file')
    expect(parse(file.text.text)).toEqual({
      apiServer: {
        extraArgs: [{ name: 'profiling', value: 'false' }],
        extraVolumes: [
          { name: 'audit', hostPath: '/etc/kubernetes/audit', mountPath: '/etc/kubernetes/audit', readOnly: true, pathType: 'Directory' },
        ],
      },
    })
    const step = (words: string) => file.runbook.findIndex((line) => line.includes(words))
    expect(step('place the file')).toBe(0)
    expect(step('cp -p')).toBeLessThan(step('--profiling=false'))
    expect(step('--profiling=false')).toBeLessThan(step('/readyz'))
    expect(file.runbook.join()).toContain('- {name: audit, hostPath: {path: /etc/kubernetes/audit, type: Directory}}')
    // Saved once: between two saves the API server would start with a flag and without its file.
    expect(
      file.runbook.filter((line) => /`cp .* \/etc\/kubernetes\/manifests\/kube-apiserver\.yaml`/.test(line) && !line.includes('before-')),
    ).toHaveLength(1)
    expect(file.rollback[0]).toMatch(
      /`cp \/root\/k8s-harden\/kube-apiserver\.yaml\.before-[\d-]+ \/etc\/kubernetes\/manifests\/kube-apiserver\.yaml`/,
    )
  })

  test('kubeadm before 1.31 takes a map', () => {
    const [file] = changesOf(propose(world({ kubernetes: 'v1.30.2' }) + apiServer('kube-apiserver-a'), { flags: { profiling: 'false' } }))
    expect(parse((file as Extract<Change, { type: 'file' }>).text.text)).toEqual({ apiServer: { extraArgs: { profiling: 'false' } } })
  })

  test('k3s and RKE2 have a file of their own', () => {
    const node = JSON.stringify({
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: 'n', annotations: { 'k3s.io/node-args': '["server"]' } },
    })
    const [file] = changesOf(propose(world({ kubernetes: 'v1.34.3+k3s1' }) + node, { flags: { profiling: 'false' } }))
    expect(file).toMatchObject({ type: 'file', name: 'k3s-config.yaml' })
    expect(parse((file as Extract<Change, { type: 'file' }>).text.text)).toEqual({ 'kube-apiserver-arg+': ['profiling=false'] })
  })

  test('only taking flags away is handed over too, with the way back', () => {
    const kubeadmConfig = `${JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'kubeadm-config', namespace: 'kube-system' }, data: { ClusterConfiguration: 'kind: ClusterConfiguration' } })}\n---\n`
    const [file] = changesOf(propose(live + kubeadmConfig, { flags: { profiling: null }, verify: ['seen'] })) as Extract<
      Change,
      { type: 'file' }
    >[]
    expect(parse(file!.text.text)).toEqual({ apiServer: {} })
    expect(file!.text.text).toContain('# Take out of its apiServer.extraArgs: profiling')
    const runbook = file!.runbook.join('\n')
    for (const words of ['under command, take out: `--profiling`', 'take out of apiServer.extraArgs: profiling', 'seen'])
      expect(runbook).toContain(words)
    for (const words of ['set:', 'merge']) expect(runbook).not.toContain(words)
    expect(file!.rollback.join('\n')).toContain('make the ClusterConfiguration what kubeadm-config.before-kube-apiserver-')
  })
  test('k3s has no file to place where flags only go away', () => {
    const node = JSON.stringify({
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: 'n', annotations: { 'k3s.io/node-args': '["server"]' } },
    })
    const [file] = changesOf(propose(world({ kubernetes: 'v1.34.3+k3s1' }) + node, { flags: { profiling: null } })) as Extract<
      Change,
      { type: 'file' }
    >[]
    const runbook = file!.runbook.join('\n')
    expect(runbook).toContain('take out of /etc/rancher/k3s/config.yaml, under kube-apiserver-arg: profiling')
    expect(runbook).not.toContain('place')
    expect(file!.rollback.join('\n')).toContain('cp -p /root/k3s-config.yaml.before-k8s-harden /etc/rancher/k3s/config.yaml')
  })

  test("a provider's control plane is changed by the provider's command, or not at all", () => {
    const { snapshot } = worldOf(world({ kubernetes: 'v1.33.1-eks-1' }))
    const finding = { subject: { apiVersion: 'v1', kind: 'X', name: 'x' }, evidence: null } as unknown as Finding
    const context = { view: snapshot, options: { cluster: 'shop', region: 'eu-west-1' } }
    expect(proposeFlags({ flags: {} }, finding, context)).toEqual({ byHand: expect.stringContaining('aws eks describe-cluster') })
    // Its flags are seen there since 1.36; its manifest is nobody's to edit.
    const shown = worldOf(world({ kubernetes: 'v1.36.1-eks-1', facts: { ApiServerFlagz: { flags: { profiling: 'true' } } } })).snapshot
    expect(componentFlags(shown, 'kube-apiserver').instances).toHaveLength(1)
    expect(proposeFlags({ flags: { profiling: 'false' } }, findingIn(shown), { ...context, view: shown })).toEqual({
      byHand: expect.stringContaining('no command of it changes that'),
    })
    const provider = { eks: { argv: ['aws', 'eks', 'x', '--name', '{cluster}'], risk: 'safe', summary: 's' } } as const
    expect(changesOf(proposeFlags({ flags: {}, provider }, finding, context))).toEqual([
      { type: 'command', argv: ['aws', 'eks', 'x', '--name', 'shop'], where: expect.any(String) },
    ])
  })
})

test('a value may depend on what is set now, for each instance', () => {
  const text =
    world({ source: 'manifests' }) +
    apiServer('kube-apiserver-a', ['kube-apiserver', '--enable-admission-plugins=A']) +
    apiServer('kube-apiserver-b', ['kube-apiserver', '--enable-admission-plugins=B'])
  const { snapshot } = worldOf(text)
  const finding = { subject: { apiVersion: 'audit.k8s.io/v1', kind: 'Policy', name: 'p' }, evidence: null } as unknown as Finding
  const changes = changesOf(
    setFlags({ flags: { 'enable-admission-plugins': (now) => `${now},NodeRestriction` } }).propose(finding, {
      view: snapshot,
      options: {},
      alongside: [],
    }),
  )
  expect(changes.map((change) => (change as unknown as { edits: { to: string[] }[] }).edits[0]!.to[1])).toEqual([
    '--enable-admission-plugins=A,NodeRestriction',
    '--enable-admission-plugins=B,NodeRestriction',
  ])
})

test('a remedy may answer in words instead', () => {
  const { snapshot } = worldOf(world({ source: 'manifests' }) + apiServer())
  expect(setFlags(() => ({ refused: 'no' })).propose(findingIn(snapshot), { view: snapshot, options: {}, alongside: [] })).toEqual({
    refused: 'no',
  })
})

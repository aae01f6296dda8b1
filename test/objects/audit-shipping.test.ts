import { describe, expect, test } from 'vitest'
import { auditInputSnippet, withAuditInput } from '../../src/objects/audit-input.ts'
import { collectorsOf, lackWords, ships } from '../../src/objects/audit-shipping.ts'
import { worldOf } from '../helpers/world.ts'

const LOG = '/var/log/kubernetes/audit/audit.log'
const TOLERATES = '[{key: node-role.kubernetes.io/control-plane, operator: Exists}]'
const collectors = (config: string, { host = '/var/log', at = '/var/log', tolerations = TOLERATES, path = LOG, nodes = '' } = {}) =>
  collectorsOf(
    worldOf(`
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: collector, namespace: logging}
spec:
  template:
    spec:
      tolerations: ${tolerations}
      containers: [{name: c, image: 'fluent/fluent-bit:4.2', volumeMounts: [{name: logs, mountPath: ${at}}]}]
      volumes: [{name: logs, hostPath: {path: ${host}}}, {name: config, configMap: {name: config}}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: config, namespace: logging}
data: {fluent-bit.conf: ${JSON.stringify(config)}}
${nodes}`).snapshot,
    path,
  )[0]!

describe('a collector takes up the log', () => {
  test.each([
    ['by its path', `Path ${LOG}`, {}],
    ['by a star in a folder', 'Path /var/log/kubernetes/audit/*.log', {}],
    ['by one of several paths', 'Path /var/log/containers/*.log,/var/log/kubernetes/*/audit.log', {}],
    ['in YAML', `include: ["${LOG}"]`, {}],
    ['by two stars', 'path: /var/log/**/audit.log', {}],
    ['by its path inside', 'Path /host/kubernetes/audit/audit.log', { at: '/host' }],
    ['from a mount with a slash at its end', 'Path /host/audit/audit.log', { host: '/var/log/kubernetes/', at: '/host/' }],
    ['from standard output, with the logs of containers', 'Path /var/log/containers/*.log', { path: '-' }],
  ])('%s', (_how, config, options) => expect(ships(collectors(config, options))).toBe(true))

  test.each([
    ['has no input for it', 'Path /var/log/containers/*.log', {}, `has no input for ${LOG}`],
    ['only leaves it out', `Exclude_Path ${LOG}\nPath /x`, {}, `has no input for ${LOG}`],
    ['only in a comment', `# Path ${LOG}\nPath /x`, {}, `has no input for ${LOG}`],
    ['a star does not cross folders', 'Path /var/log/*.log', {}, `has no input for ${LOG}`],
    ['the file is not mounted', `Path ${LOG}`, { host: '/var/log/containers' }, `does not mount ${LOG}`],
    ['a folder of a name that only begins alike', `Path ${LOG}`, { host: '/var/log/kube' }, `does not mount ${LOG}`],
    [
      'it tolerates no taint',
      `Path ${LOG}`,
      { tolerations: '[]' },
      'does not run on control-plane nodes (taint node-role.kubernetes.io/control-plane:NoSchedule)',
    ],
  ])('not where %s', (_why, config, options, lack) => {
    const collector = collectors(config, options)
    expect([ships(collector), lackWords(collector, LOG).join()]).toEqual([false, lack])
  })

  test('unknown where the path is a variable, and where there is no text', () => {
    expect([collectors('Path $' + '{AUDIT_LOG}').input, collectors('').input]).toEqual([undefined, undefined])
  })
  test('on nodes as they are tainted, not as kubeadm would', () => {
    const nodes = '---\napiVersion: v1\nkind: Node\nmetadata: {name: cp-1, labels: {node-role.kubernetes.io/control-plane: ""}}\n'
    expect(ships(collectors(`Path ${LOG}`, { tolerations: '[]', nodes }))).toBe(true)
  })
})

describe('an input is written', () => {
  const fluentBit = '[INPUT]\n    Name tail\n    DB /state/c.db\n\n[OUTPUT]\n    Name es\n    Match *\n'
  test('for Fluent Bit with its database beside the others', () => {
    const { text } = withAuditInput('Fluent Bit', fluentBit, LOG) as { readonly text: string }
    expect(text.startsWith(fluentBit)).toBe(true)
    expect(text).toContain(`    Path              ${LOG}\n    DB                /state/k8s-audit.db\n`)
  })
  test('not where no output would take it', () => {
    expect(withAuditInput('Fluent Bit', fluentBit.replace('Match *', 'Match kube.*'), LOG)).toMatchObject({
      because: expect.stringMatching(/none of its outputs/),
    })
    expect(withAuditInput('Fluentd', '<source>\n pos_file /p/a.pos\n</source>\n<match kubernetes.**>\n</match>\n', LOG)).toMatchObject({
      because: expect.stringMatching(/none of its <match>/),
    })
  })
  test('nor where only events of a label would be taken, or the output is a comment', () => {
    const source = '<source>\n @label @APPS\n pos_file /p/a.pos\n</source>\n'
    const labelled = `${source}<label @APPS>\n <match **>\n  @type stdout\n </match>\n</label>\n`
    expect(withAuditInput('Fluentd', labelled, LOG)).toMatchObject({ because: expect.stringMatching(/outside a <label>/) })
    expect(withAuditInput('Fluentd', `${labelled}<match k8s-audit>\n @type stdout\n</match>\n`, LOG)).toMatchObject({ tag: 'k8s-audit' })
    const commented = fluentBit.replaceAll(/^(\[OUTPUT\]| {4}Name es| {4}Match \*)$/gm, '# $1')
    expect(withAuditInput('Fluent Bit', commented, LOG)).toMatchObject({ because: expect.stringMatching(/none of its outputs/) })
  })
  test('not where the text was cut, of which a part would be lost', () => {
    expect(withAuditInput('Fluent Bit', `${fluentBit}\n[cut here: 99999 characters in all]`, LOG)).toMatchObject({
      because: expect.stringMatching(/too long/),
    })
  })
  test('nor for what is configured otherwise', () => {
    expect(withAuditInput('Vector', '', LOG)).toMatchObject({ because: 'Vector is configured in its own way' })
    expect(auditInputSnippet('Vector', LOG)).toBeUndefined()
  })
})

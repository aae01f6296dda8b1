import { existsSync, globSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { basename, join } from 'node:path'
import { load } from 'js-yaml'
import { describe, expect, it } from 'vitest'
import type { PodObject, PodSpec } from '../../src/model/index.ts'
import { NEWEST_MINOR, strictestLevel, violations } from '../../src/objects/pod-security.ts'

const hardened: PodSpec = {
  securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
  containers: [{ name: 'app', securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } } }],
}
const checks = (spec: PodSpec, level: 'baseline' | 'restricted', minor?: number): string[] =>
  violations({ spec, annotations: {} }, level, minor).map((one) => one.check)

describe('the Pod Security Standards', () => {
  it('call a hardened pod restricted and a plain one baseline', () => {
    expect(strictestLevel({ spec: hardened, annotations: {} })).toBe('restricted')
    expect(strictestLevel({ spec: { containers: [{ name: 'app' }] }, annotations: {} })).toBe('baseline')
    expect(strictestLevel({ spec: { containers: [{ name: 'app' }], hostPID: true }, annotations: {} })).toBe('privileged')
  })

  it('look at init and ephemeral containers too', () => {
    const bad = { name: 'bad', securityContext: { privileged: true } }
    expect(checks({ ...hardened, initContainers: [bad] }, 'baseline')).toEqual(['privileged'])
    expect(checks({ ...hardened, ephemeralContainers: [bad] }, 'baseline')).toEqual(['privileged'])
  })

  it('refuse a pod-level runAsNonRoot=false even where all containers say true', () => {
    const containers = [{ ...hardened.containers[0]!, securityContext: { ...hardened.containers[0]!.securityContext, runAsNonRoot: true } }]
    expect(
      checks({ ...hardened, containers, securityContext: { ...hardened.securityContext, runAsNonRoot: false } }, 'restricted'),
    ).toEqual(['runAsNonRoot'])
  })

  it('relax root for pods in a user namespace from 1.35 on', () => {
    const root = { ...hardened, hostUsers: false, securityContext: { ...hardened.securityContext, runAsNonRoot: undefined, runAsUser: 0 } }
    expect(checks(root, 'restricted', 34)).toEqual(['runAsNonRoot', 'runAsUser'])
    expect(checks(root, 'restricted', 35)).toEqual([])
  })

  it('call the ports of a pod in the host network host ports, as the server makes them', () => {
    const containers = [{ name: 'app', ports: [{ containerPort: 80 }] }]
    expect(checks({ containers }, 'baseline')).toEqual([])
    expect(checks({ containers, hostNetwork: true }, 'baseline')).toEqual(['hostNamespaces', 'hostPorts'])
  })

  it('compare capabilities literally', () => {
    expect(checks({ containers: [{ name: 'app', securityContext: { capabilities: { add: ['CAP_CHOWN'] } } }] }, 'baseline')).toEqual([
      'capabilities_baseline',
    ])
  })
})

/** Restricted checks that take the place of baseline ones. */
const STANDS_IN: Readonly<Record<string, string>> = {
  capabilities_baseline: 'capabilities_restricted',
  hostpathvolumes: 'restrictedvolumes',
  procmount: 'procmount_restricted',
  seccompprofile_baseline: 'seccompprofile_restricted',
}
const minorIn = (file: string): number => Number(/v1\.(\d+)/.exec(file)![1])

const moduleCache = process.env['GOMODCACHE'] ?? join(process.env['GOPATH'] ?? join(homedir(), 'go'), 'pkg', 'mod')
const testdata = join(moduleCache, 'k8s.io', 'pod-security-admission@v0.37.2', 'test', 'testdata')

describe.skipIf(!existsSync(testdata))(
  'the fixtures of k8s.io/pod-security-admission v0.37.2 (skipped where the Go module is not in the cache)',
  () => {
    for (const level of ['baseline', 'restricted'] as const) {
      for (const verdict of ['pass', 'fail'] as const) {
        it(`${verdict} at the ${level} level, in every version`, () => {
          const files = globSync(`${level}/v1.*/${verdict}/*.yaml`, { cwd: testdata })
          expect(new Set(files.map(minorIn)).size).toBe(NEWEST_MINOR + 1)
          expect(files.length).toBe(
            { 'baseline pass': 433, 'baseline fail': 1122, 'restricted pass': 618, 'restricted fail': 2364 }[`${level} ${verdict}`],
          )
          const wrong = files.filter((file) => {
            const pod = load(readFileSync(join(testdata, file), 'utf8')) as PodObject
            const found = violations({ spec: pod.spec, annotations: pod.metadata.annotations ?? {} }, level, minorIn(file)).map((one) =>
              one.check.toLowerCase(),
            )
            if (verdict === 'pass') return found.length > 0
            // Its name says which check a file fails; at the restricted level a stricter check may stand in for it.
            const check = basename(file).replace(/\d*\.yaml$/, '')
            return !found.includes(check) && !(level === 'restricted' && found.includes(STANDS_IN[check] ?? check))
          })
          expect(wrong).toEqual([])
        })
      }
    }
  },
)

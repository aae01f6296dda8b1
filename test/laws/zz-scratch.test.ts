import { existsSync, writeFileSync, rmSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import type { RegisteredControl } from '../../src/model/index.ts'
import { judge } from '../../src/engine/judge.ts'
import { applyPlan } from '../../src/plan/in-memory.ts'
import { compile } from '../../src/plan/compile.ts'
import { kinds } from '../../src/sources/readables.ts'
import { loadWorld } from '../helpers/world.ts'
import { fixturesOf } from './fixtures.ts'
import * as laws from './laws.ts'
import { proseFaults } from './prose.test.ts'
const IDS = { 'nodes-and-pods': ['psa-enforced','pod-privileged','pod-host-pid-ipc','pod-host-network','pod-hostpath','pod-capabilities-added','pod-capabilities-drop-all','pod-privilege-escalation','pod-run-as-root','pod-seccomp','net-default-deny-ingress','net-cni-enforces'], images: ['img-mutable-reference','img-registry-allowlist','img-default-root','img-pull-secrets'] }
const controls: RegisteredControl[] = []
for (const [practice, ids] of Object.entries(IDS)) for (const id of ids) controls.push({ ...(await import(`../../src/controls/${practice}/${id}.ts`)).default, id, practice })
const ALWAYS = new Set<string>()
describe.each(controls.map((c) => [c.id, c] as const))('%s', (_id, control) => {
  const fixtures = fixturesOf(control.practice, control.id)
  for (const f of fixtures) {
    const check = (name: string, law: laws.Law) => test(`${f.name} ${name}`, () => expect(law(control, loadWorld(f.file), controls.filter((c) => !ALWAYS.has(c.id) || c.id === control.id))).toEqual([]))
    if (f.kind === 'mended') continue
    if (f.kind === 'pass') check('passes', laws.passes)
    if (f.kind === 'other') check('tells', laws.tells)
    if (f.kind === 'fail') for (const n of ['fails','alone','mends','noHarm','settles','undoes','addsUp'] as const) check(n, laws[n])
    check('orderless', laws.orderless); check('handsOff', laws.handsOff)
    if (f.kind !== 'other') check('honest', laws.honest)
    if (f.kind === 'fail') test(`${f.name} mended`, () => {
      const { snapshot } = loadWorld(f.file)
      const outcome = judge(control, snapshot)
      expect(proseFaults(control, outcome.findings.map((x) => x.reason))).toEqual([])
      const plan = compile(outcome.findings.filter((x) => x.origin === 'workload'), new Map([[control.id, control]]), snapshot, {})
      const after = applyPlan(snapshot, plan.steps)
      const touched = kinds.flatMap((kind) => after.all(kind).filter((o) => !snapshot.all(kind).includes(o as never)))
      const text = touched.map((o) => `---\n${stringify(o, { lineWidth: 0, aliasDuplicateObjects: false })}`).join('')
      const file = f.file.replace(/fail((\.[^/]*)?\.yaml)$/, 'mended$1')
      if (process.env.UPDATE) { if (text === '') rmSync(file, { force: true }); else writeFileSync(file, text) }
      writeFileSync(`/tmp/plan-${control.id}-${f.name}.json`, JSON.stringify({ findings: outcome.findings, steps: plan.steps.map((s) => [s.title, s.risk, s.mayBreak]), ledger: plan.ledger, because: outcome.because }, null, 1))
      expect(text).toBe(existsSync(file) ? readFileSync(file, 'utf8') : '')
    })
  }
})

import { describe, expect, test } from 'vitest'
import { type ProviderCommands, providerCommand } from '../../remediations/provider-command.ts'
import type { Finding, Json, Snapshot } from '../../src/model/index.ts'
import { namesInContext } from '../../src/objects/provider-names.ts'
import { worldOf } from '../helpers/world.ts'

const commands: ProviderCommands = {
  eks: {
    argv: ['aws', 'eks', 'update-cluster-config', '--name', '{cluster}', '--region', '{region}', '--x', 'a={cidr},b'],
    undo: ['aws', 'undo', '{cluster}'],
    risk: 'may-break',
    summary: 'do it',
    asks: { cidr: 'From where?' },
  },
  oke: 'not by command',
}
const propose = (kubernetes: string, options: Record<string, Json>, name = 'fixture') => {
  const { snapshot } = worldOf(`${JSON.stringify({ kind: 'World', kubernetes })}\n`)
  const view = { ...snapshot, source: { ...snapshot.source, name } } as Snapshot
  return providerCommand(commands, 'by hand, then').propose({} as Finding, { view, options, alongside: [] })
}
const EKS = 'v1.33.1-eks-1'

describe('a provider command', () => {
  test('asks for what it does not know, one after the other', () => {
    expect(propose(EKS, {})).toMatchObject({ needs: { option: 'cluster' } })
    expect(propose(EKS, { cluster: 'c' })).toMatchObject({ needs: { option: 'region' } })
    expect(propose(EKS, { cluster: 'c', region: 'r' })).toEqual({ needs: { option: 'cidr', question: 'From where?' } })
    expect(propose(EKS, { cluster: '', region: 'r' })).toMatchObject({ needs: { option: 'cluster' } })
  })

  test('is an argument list, filled in and with its undo', () => {
    expect(propose(EKS, { cluster: 'c; rm -rf /', region: 'r', cidr: '10.0.0.0/8' })).toMatchObject({
      changes: [
        {
          type: 'command',
          argv: ['aws', 'eks', 'update-cluster-config', '--name', 'c; rm -rf /', '--region', 'r', '--x', 'a=10.0.0.0/8,b'],
          undo: ['aws', 'undo', 'c; rm -rf /'],
          where: expect.stringContaining('AWS'),
        },
      ],
      risk: 'may-break',
      summary: 'do it',
    })
  })

  test('takes names from the context', () => {
    expect(propose(EKS, { cidr: 'x' }, 'arn:aws:eks:eu-west-1:123456789012:cluster/shop')).toMatchObject({
      changes: [{ argv: expect.arrayContaining(['shop', 'eu-west-1']) }],
    })
    expect(namesInContext('gke_proj_europe-west1_shop')).toEqual({ project: 'proj', location: 'europe-west1', cluster: 'shop' })
    expect(namesInContext('kind-kind')).toEqual({})
  })

  test('where there is none, words', () => {
    expect(propose('v1.33.4-gke.1', {})).toEqual({ byHand: expect.stringContaining('gcloud container clusters describe') })
    expect(propose('v1.37.2', {})).toEqual({ byHand: 'by hand, then' })
  })

  test('offers an option for each of its placeholders', () => {
    expect(Object.keys(providerCommand(commands, '').options ?? {})).toEqual(expect.arrayContaining(['cluster', 'region', 'cidr']))
  })
})

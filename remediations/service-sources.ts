/** Narrows who reaches a Service from outside: by ranges, by moving its load balancer inside, or by closing it. */
import { remedy } from '../src/model/define.ts'
import type { Change, Json, Proposal, Remedy, ServiceObject } from '../src/model/index.ts'
import { rangeWidth } from '../src/objects/address.ts'
import { internalAnnotation, providerOf } from '../src/objects/load-balancers.ts'
import { isNamedBy, refOf, refText } from '../src/objects/ref.ts'
import { clusterIpEdits } from './service-exposure.ts'

export type OpeningEvidence = { readonly way: 'load-balancer' | 'node-ports' }

export const limitExposure = (): Remedy<OpeningEvidence> =>
  remedy<OpeningEvidence>({
    family: 'service-sources',
    reads: ['Service', 'Node'],
    options: {
      how: {
        describe: 'What becomes of the way in from outside',
        default: 'ranges',
        choices: [
          { value: 'ranges', label: 'only the ranges that you name may use it', risk: 'may-break' },
          { value: 'internal', label: 'its load balancer moves into the network of the provider', risk: 'may-break' },
          { value: 'close', label: 'it is reachable inside the cluster only', risk: 'may-break' },
        ],
      },
      cidrs: { describe: 'Address ranges that may reach the load balancers, separated by commas' },
    },
    propose({ subject, evidence: { way }, verdict }, { view, options }): Proposal {
      const service = view.all('Service').find((one) => isNamedBy(one, subject))
      if (service === undefined) return { refused: `${refText(subject)} is not there any more` }
      const how = options['how']
      const edit = (edits: Extract<Change, { type: 'edit' }>['edits']): Change[] => [{ type: 'edit', target: subject, edits }]
      if (how === 'close' && verdict === 'fail')
        return {
          changes: edit(clusterIpEdits(service)),
          risk: 'may-break',
          summary: 'make it reachable inside the cluster only',
          mayBreak: [
            'whoever comes in from outside by this way is cut off',
            'its address is given back, and opening it again may bring another one',
          ],
        }
      if (way === 'node-ports')
        return {
          byHand:
            service.spec?.type === 'NodePort'
              ? 'let a firewall or security group close the node ports, or take --set net-service-exposure.how=close and publish it by an Ingress'
              : 'if the load balancer sends straight to pods, make the Service anew with spec.allocateLoadBalancerNodePorts: false; otherwise let a firewall close the node ports',
        }
      if (verdict === 'review') return { byHand: 'look at the access list where it is kept, or try from an address that should not get in' }
      return how === 'internal' ? moveInside(service) : limitTo(service, listOf(options['cidrs']))

      function moveInside(one: ServiceObject): Proposal {
        const annotation = internalAnnotation(providerOf(view))
        if (annotation === undefined)
          return {
            byHand:
              'set the annotation by which its provider keeps a load balancer inside: which provider it is cannot be told from the nodes',
          }
        if (one.spec?.loadBalancerClass !== undefined)
          return { byHand: `${one.spec.loadBalancerClass} makes this load balancer: keep it inside as its documentation says` }
        return {
          changes: edit([{ set: ['metadata', 'annotations', annotation[0]], to: annotation[1] }]),
          risk: 'may-break',
          summary: `keep its load balancer inside by ${annotation[0]}`,
          mayBreak: [
            'whoever comes in from outside is cut off, and the address changes: names that point to it must follow',
            'some providers change a load balancer that is there only when the Service is made anew',
          ],
        }
      }
      function limitTo(one: ServiceObject, ranges: readonly string[]): Proposal {
        if (ranges.length === 0)
          return {
            needs: { option: 'cidrs', question: `Which address ranges may reach ${refText(refOf(one))} and the other load balancers?` },
          }
        const wrong = ranges.find((range) => rangeWidth(range) !== 'narrow')
        if (wrong !== undefined)
          return { refused: `${wrong} is ${rangeWidth(wrong) === undefined ? 'no address range' : 'too wide to be an access list'}` }
        return {
          changes: edit([{ set: ['spec', 'loadBalancerSourceRanges'], to: [...ranges] }]),
          risk: 'may-break',
          summary: `let only ${ranges.join(', ')} in`,
          mayBreak: [
            'everybody else is cut off at once, health checks from other addresses too',
            'a provider whose load balancers know no access lists ignores the field: try it from outside afterwards',
          ],
        }
      }
    },
  })

const listOf = (given: Json | undefined): readonly string[] =>
  (Array.isArray(given) ? given.map(String) : String(given ?? '').split(',')).map((one) => one.trim()).filter((one) => one !== '')

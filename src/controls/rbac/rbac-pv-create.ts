import { narrowRights } from '../../../remediations/role-rules.ts'
import { control } from '../../model/define.ts'
import type { PolicyRule } from '../../model/index.ts'
import { isCsiController } from '../../objects/csi-controller.ts'
import { exposures, unseenRoles } from '../../objects/rbac-exposure.ts'
import { RBAC_KINDS } from '../../objects/rbac-grants.ts'
import { clusterWideOnly, heldOnlyBy, reaches, runsImage, sighting } from '../../objects/rbac-reach.ts'
import { isNamed, type Rights } from '../../objects/rbac-rules.ts'
import { WORKLOAD_KINDS } from '../../objects/workloads.ts'

const VOLUMES: Rights = { verbs: ['create', 'update', 'patch'], groups: [''], resources: ['persistentvolumes'] }
/** Its provisioner and parameters decide what becomes of every claim that names it. */
const CLASSES: Rights = { verbs: ['create'], groups: ['storage.k8s.io'], resources: ['storageclasses'] }
const ASKED = [VOLUMES, CLASSES]
const isAsked = (rule: PolicyRule): boolean => ASKED.some((rights) => reaches(rule, rights))
/** Provisioners that are no CSI drivers, and operators that install drivers. */
const EXPECTED = /provisioner|rook|longhorn|openebs|csi|portworx|trident|linstor|piraeus|velero/

export default control({
  title: 'Few subjects must be able to create persistent volumes',
  severity: 'medium',
  why: 'A persistent volume may be a directory of a node. Claimed by a pod, it brings the file system of the node into a namespace whose pods must not mount host paths.',
  references: [
    { standard: 'CIS', section: '5.1.9' },
    { standard: 'KS', section: 'C-0278' },
  ],
  reads: RBAC_KINDS,
  consults: WORKLOAD_KINDS,
  *evaluate(view) {
    for (const exposure of exposures(view, isAsked).flatMap(clusterWideOnly)) {
      if (exposure.grants.length === 0 && view.source.kind === 'live') continue
      const volumes = exposure.rules.some((rule) => reaches(rule, VOLUMES))
      const drivers = heldOnlyBy(view, exposure, isCsiController)
      const users = drivers.length > 0 ? drivers : heldOnlyBy(view, exposure, runsImage(EXPECTED))
      const what = volumes ? 'write persistent volumes' : 'create storage classes'
      const named = exposure.rules.every(isNamed)
      yield sighting(exposure, {
        reason: exposure.on === 'binding' ? `gives a built-in role that can ${what}` : `lets its subjects ${what}`,
        asked: ASKED,
        severity: named ? 'low' : 'medium',
        review: named || users.length > 0,
        origin: drivers.length > 0 ? 'system' : undefined,
        users,
      })
    }
    yield* unseenRoles(view)
  },
  remedy: narrowRights,
  verify: 'kubectl auth can-i create persistentvolumes --as=SUBJECT says no, and claims are still bound by their provisioner.',
})

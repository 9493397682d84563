import { ok } from '#base'
import { campaignForward, campaignHold, campaignPlan, campaignStart, campaignStatus, campaignView } from '../campaign-schema.ts'
import { type Route, bare, route } from '../route.ts'
import type { Parts } from './parts.ts'

const path = '/api/v1/pki/campaign'
const answer = { status: 200, is: campaignStatus, description: 'The campaign as it stands, with its numbers.' } as const
const resource = () => 'campaign'

/** Moving the fleet to a new root, step by step. */
export function campaignRoutes({ ports: { campaigns } }: Parts): readonly Route[] {
  return [
    route({
      ...bare,
      method: 'GET',
      path: '/api/v1/pki/campaign-plan',
      summary: 'What moving the fleet to a new root would find: numbers, before anything is done.',
      access: { grants: ['pki.read'] },
      resource,
      answer: { status: 200, is: campaignPlan, description: 'The plan.' },
      async handle(call) {
        const { rootFingerprint: bundleSha256, ...plan } = campaigns.plan(call.grant('pki.read'))
        return ok({ ...plan, bundleSha256 })
      },
    }),
    route({
      ...bare,
      method: 'GET',
      path,
      summary: 'The campaign that moves the fleet to a new root, or the last one: how far it is, by group, and who is behind.',
      access: { grants: ['pki.read'] },
      resource,
      answer,
      async handle(call) {
        const found = campaigns.status(call.grant('pki.read'))
        return found.ok ? ok(campaignView(found.value)) : found
      },
    }),
    route({
      ...bare,
      method: 'POST',
      path: `${path}/start`,
      summary: 'Makes a new root, tells devices to trust it beside the old one, and begins to gather proof that they do.',
      access: { grants: ['pki.administer'] },
      resource,
      body: campaignStart,
      answer,
      async handle(call) {
        const done = await campaigns.start(call.grant('pki.administer'), call.body)
        return done.ok ? ok(campaignView(done.value)) : done
      },
    }),
    route({
      ...bare,
      method: 'POST',
      path: `${path}/hold`,
      summary: 'Holds the campaign: nothing goes on until it is resumed.',
      access: { grants: ['pki.administer'] },
      resource,
      body: campaignHold,
      answer,
      async handle(call) {
        const done = await campaigns.hold(call.grant('pki.administer'), call.body.reason)
        return done.ok ? ok(campaignView(done.value)) : done
      },
    }),
    ...(['resume', 'rollback'] as const).map((step) =>
      route({
        ...bare,
        method: 'POST',
        path: `${path}/${step}`,
        summary:
          step === 'resume' ? 'Goes on after a hold; failed probes are counted anew.' : 'Takes the new root back, before the cut-over.',
        access: { grants: ['pki.administer'] },
        resource,
        answer,
        async handle(call) {
          const done = await campaigns[step](call.grant('pki.administer'))
          return done.ok ? ok(campaignView(done.value)) : done
        },
      }),
    ),
    ...(['cut-over', 'retire'] as const).map((step) =>
      route({
        ...bare,
        method: 'POST',
        path: `${path}/${step}`,
        summary:
          step === 'retire'
            ? 'Ends trust in the old root. Refused while a device is behind that is not named with a reason.'
            : 'The hub is known by the new root from now on, and by a cross-certificate to those who trust the old one.',
        access: { grants: ['pki.administer'] },
        resource,
        body: campaignForward,
        bodyBytes: 4 * 1024 * 1024,
        answer,
        async handle(call) {
          const { except = [] } = call.body
          const grant = call.grant('pki.administer')
          const done = await (step === 'retire' ? campaigns.retire(grant, except) : campaigns.cutOver(grant, except))
          return done.ok ? ok(campaignView(done.value)) : done
        },
      }),
    ),
  ]
}

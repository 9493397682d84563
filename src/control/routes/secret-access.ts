import { Type } from 'typebox'
import { ok } from '#base'
import { secretLimits, secretRights } from '#vault'
import { type Route, bare, route } from '../route.ts'
import { ruleView, secretRule } from '../secret-schema.ts'
import type { Parts } from './parts.ts'

const closed = { additionalProperties: false } as const
const all = () => 'secrets'
const which = {
  principal: Type.String({ minLength: 1, maxLength: secretLimits.principalCharacters }),
  secrets: Type.String({ minLength: 1, maxLength: 127 }),
}
const rights = Type.Array(Type.Enum([...secretRights]), { minItems: 1, maxItems: secretRights.length })

/** Who may do what with which secrets: a list of rules, and what no rule gives is denied. */
export function secretAccessRoutes({ ports }: Parts): readonly Route[] {
  const { vault } = ports
  return [
    route({
      ...bare,
      method: 'GET',
      path: '/api/v1/secret-access',
      summary: 'Every rule of access to secrets.',
      access: { grants: ['secret.administer'] },
      resource: all,
      answer: {
        status: 200,
        is: Type.Object({ rules: Type.Array(secretRule) }, { ...closed, title: 'SecretRules' }),
        description: 'The rules.',
      },
      handle: (call) => ok({ rules: vault.rules(call.grant('secret.administer')).map(ruleView) }),
    }),
    route({
      ...bare,
      method: 'PUT',
      path: '/api/v1/secret-access',
      summary: 'Puts a rule in force, in place of one for the same principal and secrets.',
      access: { grants: ['secret.administer'] },
      resource: all,
      body: Type.Object({ ...which, rights }, { ...closed, title: 'SecretRuleInput' }),
      answer: { status: 200, is: secretRule, description: 'In force.' },
      async handle(call) {
        const made = await vault.putRule(call.grant('secret.administer'), call.body, { from: call.address })
        return made.ok ? ok(ruleView(made.value)) : made
      },
    }),
    route({
      ...bare,
      method: 'POST',
      path: '/api/v1/secret-access/remove',
      summary: 'Takes a rule away.',
      access: { grants: ['secret.administer'] },
      resource: all,
      body: Type.Object(which, { ...closed, title: 'SecretRuleName' }),
      answer: { status: 204, is: Type.Null(), description: 'Taken away.' },
      async handle(call) {
        const removed = await vault.removeRule(call.grant('secret.administer'), call.body, { from: call.address })
        return removed.ok ? ok(null) : removed
      },
    }),
  ]
}

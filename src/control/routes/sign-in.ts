import { Type } from 'typebox'
import { sessionMs } from '#access'
import { isoTime, ok } from '#base'
import { cookieHeader } from '../identity.ts'
import { type Route, bare, route } from '../route.ts'
import { time } from '../schema.ts'
import { actorText } from '../views.ts'
import type { Parts } from './parts.ts'

const closed = { additionalProperties: false } as const

const me = Type.Object(
  { actor: Type.String(), via: Type.String(), csrf: Type.Union([Type.String(), Type.Null()]), expiresAt: Type.Union([time, Type.Null()]) },
  { ...closed, title: 'Me' },
)

const signedIn = Type.Object({ actor: Type.String(), csrf: Type.String(), expiresAt: time }, { ...closed, title: 'SignedIn' })

/** Signing in and out. */
export function signInRoutes({ config, ports }: Parts): readonly Route[] {
  return [
    route({
      ...bare,
      method: 'POST',
      path: '/api/v1/sign-in',
      summary: 'Trades a one-time token for a session.',
      access: { anyone: 'the token is the proof, and it works once' },
      body: Type.Object({ token: Type.String({ minLength: 1, maxLength: 256 }) }, { ...closed, title: 'SignIn' }),
      bodyBytes: 4_096,
      answer: { status: 200, is: signedIn, description: 'Signed in; the session is in the cookie.' },
      async handle(call) {
        const signed = await ports.operators.signIn(call.body.token, call.address)
        if (!signed.ok) return signed
        const { cookie, session } = signed.value
        call.setHeader('set-cookie', cookieHeader(cookie, sessionMs / 1_000))
        return ok({ actor: actorText(session.caller.actor), csrf: session.csrf, expiresAt: isoTime(session.expiresAt) })
      },
    }),
    route({
      ...bare,
      method: 'GET',
      path: '/api/v1/me',
      summary: 'Who is signed in. `csrf` must come back with every change made in a browser.',
      access: { signedIn: 'everybody may know who they are' },
      answer: { status: 200, is: me, description: 'The caller.' },
      handle({ identity }) {
        if (identity === undefined) throw new Error('bug: nobody is signed in')
        const { actor } = identity.caller
        const session = identity.browser?.session
        const csrf = session?.csrf ?? null
        return ok({ actor: actorText(actor), via: actor.via, csrf, expiresAt: session === undefined ? null : isoTime(session.expiresAt) })
      },
    }),
    route({
      ...bare,
      method: 'POST',
      path: '/api/v1/sign-out',
      summary: 'Ends this session.',
      access: { signedIn: 'everybody may leave' },
      answer: { status: 204, is: Type.Undefined(), description: 'Signed out.' },
      async handle(call) {
        if (call.identity?.browser !== undefined) await ports.operators.signOut(call.identity.browser.cookie)
        call.setHeader('set-cookie', cookieHeader('', 0))
        return ok(undefined)
      },
    }),
    route({
      ...bare,
      method: 'POST',
      path: '/api/v1/sign-in-links',
      summary: 'A fresh one-time sign-in link, good for 15 minutes.',
      access: { grants: ['operator.sign-in'] },
      resource: () => 'operator:owner',
      answer: {
        status: 200,
        is: Type.Object({ url: Type.String(), expiresAt: time }, { ...closed, title: 'SignInLink' }),
        description: 'The link.',
      },
      async handle(call) {
        const { token, expiresAt } = await ports.operators.issueLink(call.grant('operator.sign-in'))
        // In the fragment, which browsers keep to themselves: no log and no referrer sees it.
        return ok({ url: `${config.consoleUrl}/sign-in#token=${token}`, expiresAt: isoTime(expiresAt) })
      },
    }),
  ]
}

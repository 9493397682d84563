import { type Clock, type Instant, instant } from '#base'
import { parseRevocationList } from '#wire/x509'
import { type RevocationFact, alarmShares, renewalMs } from './revocations.ts'

type Watched = { readonly issuer: string; readonly thisUpdate: Instant; readonly nextUpdate: Instant; told: number }

/** Lists of other authorities that an operator gave us: told of as they grow old, because past their end they refuse everybody whom they should speak of. */
export interface ForeignLists extends Disposable {
  /** Watches lists (DER). One that cannot be read, or does not say when the next is due, is for whoever uses it to refuse. */
  add(lists: readonly Buffer[]): void
}

/** Opens {@link ForeignLists}: they are looked at when they come and every ten minutes. Each is told at 50, 80 and 100 percent of its life, once. */
export function watchForeignLists(clock: Clock, tell: (fact: RevocationFact) => void): ForeignLists {
  const lists: Watched[] = []
  const look = (): void => {
    const now = clock.now()
    for (const one of lists) {
      const { issuer, thisUpdate, nextUpdate } = one
      const share = alarmShares.findLast((part) => (now - thisUpdate) * 100 >= part * (nextUpdate - thisUpdate)) ?? 0
      if (share > one.told) tell({ kind: 'revocation-list-ageing', time: now, issuer, whose: 'theirs', share, nextUpdate })
      one.told = share
    }
  }
  const stop = clock.every(renewalMs, look)
  return {
    add(ders) {
      for (const der of ders) {
        const read = parseRevocationList(der)
        if (!read.ok || read.value.nextUpdate === undefined) continue
        const { issuer, thisUpdate, nextUpdate } = read.value
        lists.push({ issuer: issuer.text, thisUpdate, nextUpdate: instant(nextUpdate), told: 0 })
      }
      look()
    },
    [Symbol.dispose]: stop,
  }
}

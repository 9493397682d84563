import type { Version } from './coverage.ts'
import { connect } from './v311/connect.ts'
import { packets } from './v311/packets.ts'
import { publish } from './v311/publish.ts'
import { reasons as reasons311 } from './v311/reasons.ts'
import { session } from './v311/session.ts'
import { statements as statements311 } from './v311/statements.ts'
import { subscribe } from './v311/subscribe.ts'
import { topics } from './v311/topics.ts'
import { will } from './v311/will.ts'
import { chapters } from './v5/index.ts'
import { reasons } from './v5/reasons.ts'
import { statements } from './v5/statements.ts'

/** Both versions of MQTT, as the coverage table has them. */
export const versions: readonly Version[] = [
  { title: 'MQTT 5.0', version: 5, statements, chapters, reasons },
  {
    title: 'MQTT 3.1.1',
    version: 4,
    statements: statements311,
    chapters: {
      'v311/packets.ts': packets,
      'v311/connect.ts': connect,
      'v311/will.ts': will,
      'v311/publish.ts': publish,
      'v311/subscribe.ts': subscribe,
      'v311/session.ts': session,
      'v311/topics.ts': topics,
    },
    reasons: reasons311,
  },
]

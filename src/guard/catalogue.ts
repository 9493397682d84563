import type { Control } from './control.ts'
import { twAth02 } from './controls/tw-ath-02.ts'
import { twAth03 } from './controls/tw-ath-03.ts'
import { twCon01 } from './controls/tw-con-01.ts'
import { twCon03 } from './controls/tw-con-03.ts'
import { twCon04 } from './controls/tw-con-04.ts'
import { twDar01 } from './controls/tw-dar-01.ts'
import { twNet05 } from './controls/tw-net-05.ts'
import { twObs03 } from './controls/tw-obs-03.ts'
import { twPki01 } from './controls/tw-pki-01.ts'
import { twPki03 } from './controls/tw-pki-03.ts'

/** Every control of this release, in the order in which reports show them. */
export const catalogue: readonly Control[] = [twCon01, twCon03, twCon04, twPki01, twPki03, twAth02, twAth03, twDar01, twNet05, twObs03]

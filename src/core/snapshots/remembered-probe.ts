import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs"
import { kindOf } from "../../errors/failure.ts"
import { whyNoImages } from "./image-probe.ts"
import { chooseDriver, type DriverChoice } from "./probe.ts"

/** What the disk of a data root can do for layers. */
export interface DiskAbility {
  readonly choice: DriverChoice
  /** Why layers cannot be mounted from their archives; absent when they can. */
  readonly noImages?: string
}

/**
 * Probes the disk of `root`, and remembers the result in `ROOT.probe.json`. A full disk fails every probe, which says
 * nothing about what it can do: then the last result holds, so that layers keep the form they have.
 * @param wanted a driver that the configuration names
 * @throws noSpace when the disk is full and was never probed
 */
export function probeDisk(root: string, wanted?: "overlay" | "native"): DiskAbility {
  const memory = `${root}.probe.json`
  try {
    const choice = chooseDriver(root, wanted)
    const noImages = choice.driver === "overlay" ? whyNoImages(root, choice.ability) : undefined
    const found: DiskAbility = { choice, ...(noImages === undefined ? {} : { noImages }) }
    remember(memory, found)
    return found
  } catch (error) {
    if (kindOf(error) !== "noSpace") throw error
    if (!existsSync(memory)) throw error
    return JSON.parse(readFileSync(memory, "utf8")) as DiskAbility
  }
}

function remember(memory: string, found: DiskAbility): void {
  const text = `${JSON.stringify(found)}\n`
  if (existsSync(memory) && readFileSync(memory, "utf8") === text) return
  try {
    writeFileSync(`${memory}.new`, text, { mode: 0o600 })
    renameSync(`${memory}.new`, memory)
  } catch (error) {
    // It has become full since the probe: an older result is as good.
    if (kindOf(error) !== "noSpace") throw error
  }
}

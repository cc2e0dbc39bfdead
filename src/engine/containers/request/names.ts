import { randomInt } from "node:crypto"
import { Failure } from "../../../errors/failure.ts"

const adjectives =
  "able agile amber brave breezy bright calm candid clever coral crisp daring deft eager early fair fleet fond frank fresh gentle glad golden grand hardy hearty jolly keen kind lively loyal lucid mellow merry mild neat nimble noble patient plucky polite prime proud quick quiet ready robust rosy sage serene sharp silver sleek smart snug solid spry steady stout sunny swift tidy trusty vivid warm wise witty zesty".split(
    " ",
  )
const vessels =
  "ark barque bilander brig canoe caravel carrack clipper cog coracle corvette cutter dhow dinghy dory dreadnought felucca ferry frigate galleon galley gig gondola hulk junk kayak ketch knarr launch lighter longship lugger outrigger packet pinnace pirogue pontoon pram proa punt raft sampan schooner scow scull skiff skipjack sloop smack steamer tall-ship tanker tender trawler trimaran trireme tug umiak wherry xebec yacht yawl".split(
    " ",
  )

/** A name nobody asked for: `calm_sloop`, with digits once the plain ones are taken. */
export function inventName(taken: (name: string) => boolean): string {
  for (let attempt = 0; ; attempt++) {
    const words = `${adjectives[randomInt(adjectives.length)]}_${vessels[randomInt(vessels.length)]}`
    const name = attempt < 5 ? words : `${words}${randomInt(10 ** Math.min(attempt - 4, 9))}`
    if (!taken(name)) return name
  }
}

/** @throws invalidArgument in Docker's words */
export function checkName(name: string): string {
  const plain = name.replace(/^\//, "")
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(plain)) {
    throw new Failure("invalidArgument", `Invalid container name (${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`)
  }
  return plain
}

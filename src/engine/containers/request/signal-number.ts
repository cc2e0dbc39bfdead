import { constants } from "node:os"
import { Failure } from "../../../errors/failure.ts"

/** The number of `TERM`, `SIGTERM`, `15`, `RTMIN+3`. @throws invalidArgument in Docker's words */
export function signalNumber(text: string): number {
  const invalid = () => new Failure("invalidArgument", `invalid signal: ${text}`)
  if (/^\d+$/.test(text)) {
    const number = Number(text)
    if (number < 1 || number > 64) throw invalid()
    return number
  }
  const name = text.toUpperCase().replace(/^SIG/, "")
  const realTime = /^RTM(IN|AX)(?:([+-])(\d+))?$/.exec(name)
  if (realTime) {
    const number = (realTime[1] === "IN" ? 34 : 64) + Number(`${realTime[2] ?? "+"}${realTime[3] ?? 0}`)
    if (number < 34 || number > 64) throw invalid()
    return number
  }
  const number = (constants.signals as Record<string, number>)[`SIG${name}`]
  if (number === undefined) throw invalid()
  return number
}

import type { Filters } from "../../../api/filters.ts"
import { Failure } from "../../../errors/failure.ts"
import type { Container } from "../record/container.ts"
import type { ViewsNeeds } from "./contract.ts"
import { boundPorts } from "./inspect.ts"

/** Ports of one protocol, both ends included. */
export interface PortRange {
  readonly from: number
  readonly to: number
  readonly protocol: string
}

/** The ports of filter `expose` or `publish`: `80`, `80/udp`, `8000-8080/tcp`. @throws invalidArgument in Docker's words */
export function portRanges(filters: Filters, key: "expose" | "publish"): readonly PortRange[] | undefined {
  const wanted = filters.get(key)
  if (!wanted || wanted.length === 0) return undefined
  return wanted.map((text) => {
    if (text.includes(":")) throw new Failure("invalidArgument", `filter for '${key}' should not contain ':': ${text}`)
    const refuse = (why: string) => new Failure("invalidArgument", `error while looking up for ${key} ${text}: ${why}`)
    const [ports = "", protocol = "tcp"] = text.split("/")
    if (ports === "") throw refuse("empty string specified for ports")
    const [from = 0, to = from] = ports.split("-").map((port) => {
      if (!/^\d+$/.test(port)) throw refuse(`strconv.ParseUint: parsing ${JSON.stringify(port)}: invalid syntax`)
      if (Number(port) > 65535) throw refuse(`strconv.ParseUint: parsing ${JSON.stringify(port)}: value out of range`)
      return Number(port)
    })
    if (to < from) throw refuse(`invalid range specified for port: ${ports}`)
    return { from, to, protocol: protocol.toLowerCase() }
  })
}

/** Whether the container exposes or publishes one of the wanted ports; true without wanted ports. */
export function portsMatch(
  needs: Pick<ViewsNeeds, "networks">,
  container: Container,
  wanted: Readonly<Record<"expose" | "publish", readonly PortRange[] | undefined>>,
): boolean {
  if (!wanted.expose && !wanted.publish) return true
  const published = (container.state.sandbox?.ports ?? []).map((port) => `${port.hostPort}/${port.protocol}`)
  return oneOf(wanted.expose, Object.keys(boundPorts(needs, container))) || oneOf(wanted.publish, published)
}

/** Whether one of the ranges has one of `ports` (`80/tcp`). */
const oneOf = (wanted: readonly PortRange[] = [], ports: readonly string[]): boolean =>
  wanted.some(({ from, to, protocol }) =>
    ports.some((port) => {
      const [number, kind = "tcp"] = port.split("/")
      return kind === protocol && Number(number) >= from && Number(number) <= to
    }),
  )

import type { ExposedPort } from "../../api/exposure.ts"
import { type Column, table } from "./plain-table.ts"

const range = (first: number, last: number): string => (first === last ? String(first) : `${first}-${last}`)

const reach = {
  host: "this host",
  address: "who reaches the address",
  everyone: "everyone who reaches this host",
} as const

function firewall({ Firewall, Chain, Reach }: ExposedPort): string {
  if (Reach === "host") return "-"
  if (Firewall === "input") return "host's input rules apply"
  if (Firewall === "excepted") return `let through by the daemon's rule in ${Chain}, which drops what is forwarded`
  return Firewall === "dropped" ? `dropped by ${Chain}` : "bypassed: forwarded before the host's input rules"
}

const columns: readonly Column<ExposedPort>[] = [
  ["ADDRESS", ({ HostIp }) => HostIp],
  ["PORT", ({ HostPort, HostPortEnd, Protocol }) => `${range(HostPort, HostPortEnd)}/${Protocol}`],
  ["CONTAINER", ({ Container }) => Container],
  [
    "LEADS TO",
    ({ Network, ContainerPort, HostPort, HostPortEnd }) =>
      `${Network}:${range(ContainerPort, ContainerPort + HostPortEnd - HostPort)}`,
  ],
  // What a firewall drops is reached by nobody else.
  ["REACHED BY", ({ Reach, Firewall }) => reach[Firewall === "dropped" ? "host" : Reach]],
  ["FIREWALL", firewall],
]

/** The lines of `barge ports`. */
export const exposureTable = (ports: readonly ExposedPort[]): readonly string[] => table(columns, ports)

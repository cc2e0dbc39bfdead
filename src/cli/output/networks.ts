import type { NetworkInspect } from "../../api/network.ts"
import { shortId } from "../../std/id.ts"
import { Subject } from "../../std/template/value.ts"
import { formatList, type Headings, joinLabels, labelMethod, naturalOrder } from "./list.ts"
import { goTimeOf } from "./local-time.ts"

export interface NetworkListOptions {
  /** `table`, `table TEMPLATE`, `json`, `raw` or a template; the default is `table`. */
  readonly format?: string
  /** IDs only. */
  readonly quiet?: boolean
  readonly noTrunc?: boolean
}

const headings: Headings = {
  ID: "NETWORK ID",
  Name: "NAME",
  Driver: "DRIVER",
  Scope: "SCOPE",
  IPv4: "IPV4",
  IPv6: "IPV6",
  Internal: "INTERNAL",
  Labels: "LABELS",
  CreatedAt: "CREATED AT",
}

/** The lines of `docker network ls`. @throws Failure invalidArgument when the template cannot be parsed or executed */
export function formatNetworks(list: readonly NetworkInspect[], options: NetworkListOptions = {}): string {
  const { format = "table", quiet, noTrunc } = options
  let template = format
  if (format === "" || format === "table")
    template = quiet ? "{{.ID}}" : "table {{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.Scope}}"
  if (format === "raw")
    template = quiet
      ? "network_id: {{.ID}}"
      : "network_id: {{.ID}}\nname: {{.Name}}\ndriver: {{.Driver}}\nscope: {{.Scope}}\n"
  const sorted = [...list].sort((one, other) => naturalOrder(one.Name, other.Name))
  return formatList(
    template,
    headings,
    sorted.map((network) => networkRow(network, !noTrunc)),
  )
}

const networkRow = (network: NetworkInspect, truncates: boolean): Subject =>
  new Subject("*network.networkContext", {
    ID: () => (truncates ? shortId(network.Id) : network.Id),
    Name: () => network.Name,
    Driver: () => network.Driver,
    Scope: () => network.Scope,
    IPv4: () => String(network.EnableIPv4 ?? false),
    IPv6: () => String(network.EnableIPv6),
    Internal: () => String(network.Internal),
    Labels: () => joinLabels(network.Labels),
    Label: labelMethod(network.Labels),
    CreatedAt: () => goTimeOf(network.Created),
  })

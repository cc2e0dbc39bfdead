import type { ContainerSummary, Port } from "../../api/container.ts"
import type { NetworkInspect } from "../../api/network.ts"

/** A container as the graph shows it. */
interface Node {
  readonly name: string
  readonly ports: readonly string[]
  /** Network → addresses. */
  readonly addresses: ReadonlyMap<string, readonly string[]>
}

/** Networks with the containers that are in them. */
export interface Graph {
  readonly networks: readonly { readonly name: string; readonly title: string }[]
  readonly nodes: readonly Node[]
}

/** Puts networks and running containers together. */
export function networkGraph(networks: readonly NetworkInspect[], containers: readonly ContainerSummary[]): Graph {
  const nodes = containers.map((container): Node => {
    const joined = Object.entries(container.NetworkSettings?.Networks ?? {})
    return {
      name: (container.Names[0] ?? container.Id).replace(/^\//, ""),
      ports: [...new Set(container.Ports.flatMap(published))],
      addresses: new Map(
        joined.map(([name, { IPAddress, GlobalIPv6Address }]) => [
          name,
          [IPAddress, GlobalIPv6Address].filter((address) => address !== ""),
        ]),
      ),
    }
  })
  const used = networks.filter(
    ({ Name, Driver }) =>
      (Driver !== "host" && Driver !== "null") || nodes.some(({ addresses }) => addresses.has(Name)),
  )
  return {
    networks: used.map((network) => ({ name: network.Name, title: title(network) })),
    nodes: [...nodes].sort((a, b) => (a.name < b.name ? -1 : 1)),
  }
}

const published = ({ IP, PublicPort, PrivatePort, Type }: Port): string[] =>
  PublicPort ? [`${IP === "0.0.0.0" || IP === "::" ? "" : `${IP}:`}${PublicPort}→${PrivatePort}/${Type}`] : []

function title({ Name, Driver, Internal, IPAM }: NetworkInspect): string {
  const subnets = (IPAM.Config ?? []).flatMap(({ Subnet }) => Subnet ?? [])
  return [Name, `(${[Driver, ...(Internal ? ["internal"] : [])].join(", ")})`, ...subnets].join(" ")
}

/** The graph as text: each network with its containers; who is in several is told at each. */
export function graphText({ networks, nodes }: Graph): readonly string[] {
  return networks.flatMap(({ name, title: text }) => {
    const inside = nodes.filter(({ addresses }) => addresses.has(name))
    return [
      text,
      ...inside.map((node, index) => {
        const others = [...node.addresses.keys()].filter((each) => each !== name)
        const words = [
          node.name,
          ...(node.addresses.get(name) ?? []),
          ...(node.ports.length > 0 ? [`[${node.ports.join(", ")}]`] : []),
          ...(others.length > 0 ? [`also in ${others.join(", ")}`] : []),
        ]
        return `${index === inside.length - 1 ? "└─" : "├─"} ${words.join("  ")}`
      }),
    ]
  })
}

const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;")

const [rowHeight, boxHeight, networkX, nodeX, width] = [56, 40, 20, 440, 900]

/** The graph as an SVG document: networks on the left, containers on the right, a line for each address. */
export function graphSvg({ networks, nodes }: Graph): string {
  const height = rowHeight * Math.max(networks.length, nodes.length, 1) + 20
  const y = (index: number, count: number) => (height - count * rowHeight) / 2 + index * rowHeight
  const text = (x: number, at: number, words: string, size = 13) =>
    `<text x="${x}" y="${at}" font-size="${size}">${escaped(words)}</text>`
  const box = (x: number, at: number, wide: number, fill: string) =>
    `<rect x="${x}" y="${at}" width="${wide}" height="${boxHeight}" rx="6" fill="${fill}" stroke="#456"/>`
  const lines = nodes.flatMap((node, row) =>
    networks.flatMap(({ name }, index) => {
      const addresses = node.addresses.get(name)
      if (!addresses) return []
      const [fromY, toY] = [y(index, networks.length) + boxHeight / 2, y(row, nodes.length) + boxHeight / 2]
      return [
        `<line x1="${networkX + 300}" y1="${fromY}" x2="${nodeX + 160}" y2="${toY}" stroke="#789"/>`,
        text(nodeX + 20, toY - 5, addresses.join(" "), 10),
      ]
    }),
  )
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="sans-serif">`,
    ...lines,
    ...networks.flatMap((network, index) => {
      const at = y(index, networks.length)
      return [box(networkX, at, 300, "#def"), text(networkX + 10, at + 25, network.title)]
    }),
    ...nodes.flatMap((node, index) => {
      const at = y(index, nodes.length)
      return [
        box(nodeX + 160, at, 280, "#efe"),
        text(nodeX + 170, at + 17, node.name),
        text(nodeX + 170, at + 33, node.ports.join(", "), 10),
      ]
    }),
    "</svg>",
  ].join("\n")
}

import { NetworksClient } from "../../../client/networks.ts"
import { command, noArgs } from "../../command.ts"
import { bool } from "../../flags/flag.ts"
import { graphSvg, graphText, networkGraph } from "../../output/network-graph.ts"

export const graph = command({
  use: "graph [OPTIONS]",
  args: noArgs,
  flags: { svg: bool("", "Draw an SVG document instead of text") },
  run: async ({ flags, docker, out }) => {
    const networks = await new NetworksClient(docker.transport).list()
    const found = networkGraph(networks, await docker.containers.list({}))
    if (flags.svg) out.line(graphSvg(found))
    else for (const line of graphText(found)) out.line(line)
  },
})

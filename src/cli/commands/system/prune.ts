import type { NetworksPruneResponse } from "../../../api/network.ts"
import type { BuildPruneResponse } from "../../../api/system.ts"
import { humanSize } from "../../../std/byte-size.ts"
import { command, Exit, noArgs } from "../../command.ts"
import { confirm } from "../../confirm.ts"
import { filter, withFilter, withoutFilter } from "../../flags/filter.ts"
import { bool } from "../../flags/flag.ts"
import { prunePreview } from "../../output/prune-preview.ts"
import { containersPruned, imagesPruned, networksPruned, volumesPruned } from "../../output/pruned.ts"
import { pruneFilters } from "../../prune-filters.ts"

export const prune = command({
  use: "prune [OPTIONS]",
  args: noArgs,
  flags: {
    all: bool("a", "Remove all unused images not just dangling ones"),
    filter: filter("", ["label", "label!", "until"], 'Provide filter values (e.g. "label=<key>=<value>")'),
    force: bool("f", "Do not prompt for confirmation"),
    volumes: bool("", "Prune anonymous volumes"),
  },
  run: async ({ flags, docker, out, config, program }) => {
    const filters = pruneFilters(config, flags.filter)
    if (flags.volumes && filters.has("until"))
      throw new Exit(1, 'ERROR: The "until" filter is not supported with "--volumes"')
    if (!flags.force) {
      const preview = program === "docker" ? "" : prunePreview(await docker.system.diskUsage(), flags)
      if (!(await confirm(warning(preview), out))) return
    }
    const post = <T>(path: string, query = filters) =>
      docker.transport.json<T>("POST", path, { query: { filters: query } })
    const containers = await docker.containers.prune(filters)
    const networks = await post<NetworksPruneResponse>("/networks/prune")
    const volumes = flags.volumes ? await docker.volumes.prune(filters) : { VolumesDeleted: null, SpaceReclaimed: 0 }
    const danglingOnly = withFilter(withoutFilter(filters, "dangling"), "dangling", String(!flags.all))
    const images = await docker.images.prune(danglingOnly)
    const cache = await post<BuildPruneResponse>("/build/prune", withoutFilter(filters, "label"))
    const deletedCache = cache.CachesDeleted ?? []
    const paragraphs = [
      containersPruned(containers),
      networksPruned(networks),
      volumesPruned(volumes),
      imagesPruned(images),
      deletedCache.length > 0 ? `Deleted build cache objects:\n${deletedCache.map((id) => `${id}\n`).join("")}` : "",
    ]
    for (const paragraph of paragraphs) if (paragraph) out.line(paragraph)
    const reclaimed = [containers, volumes, images, cache].reduce((sum, each) => sum + Number(each.SpaceReclaimed), 0)
    out.line(`Total reclaimed space: ${humanSize(reclaimed)}`)

    function warning(preview: string): string {
      const things = [
        "all stopped containers",
        "all networks not used by at least one container",
        ...(flags.volumes ? ["all anonymous volumes not used by at least one container"] : []),
        flags.all ? "all images without at least one container associated to them" : "all dangling images",
        flags.all ? "all build cache" : "unused build cache",
      ]
      const kept = [...filters].flatMap(([name, values]) => values.map((value) => `${name}=${value}`)).sort()
      const filtered =
        kept.length > 0
          ? `\n  Items to be pruned will be filtered with:\n${kept.map((each) => `  - ${each}\n`).join("")}`
          : ""
      return `WARNING! This will remove:\n${things.map((thing) => `  - ${thing}\n`).join("")}${filtered}${preview && `\n${preview}`}\nAre you sure you want to continue?`
    }
  },
})

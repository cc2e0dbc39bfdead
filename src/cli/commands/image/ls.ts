import { atMost, command } from "../../command.ts"
import { filter, withFilter } from "../../flags/filter.ts"
import { bool } from "../../flags/flag.ts"
import { listFormat } from "../../flags/format.ts"
import { formatImages } from "../../output/images.ts"

export const ls = command({
  use: "ls [OPTIONS] [REPOSITORY[:TAG]]",
  args: atMost(1),
  complete: "images",
  flags: {
    all: bool("a", "Show all images (default hides intermediate images)"),
    digests: bool("", "Show digests"),
    filter: filter("f"),
    format: listFormat(),
    "no-trunc": bool("", "Don't truncate output"),
    quiet: bool("q", "Only show image IDs"),
  },
  run: async ({ args, flags, docker, out, config }) => {
    const filters = args[0] ? withFilter(flags.filter, "reference", args[0]) : flags.filter
    const images = await docker.images.list({ all: flags.all, filters })
    const format = flags.format || (flags.quiet ? "" : (config.file.imagesFormat ?? ""))
    out.write(formatImages(images, { ...flags, format, noTrunc: flags["no-trunc"] }))
  },
})

import { atMost, command, Exit } from "../../command.ts"
import { filter, withFilter } from "../../flags/filter.ts"
import { bool } from "../../flags/flag.ts"
import { listFormat } from "../../flags/format.ts"
import { imageTree } from "../../output/image-tree.ts"
import { formatImages } from "../../output/images.ts"

/** What `images WORD` may have been meant as. */
const verbs = "build history import inspect list load ls prune pull push rm save tag".split(" ")

export const ls = command({
  use: "ls [OPTIONS] [REPOSITORY[:TAG]]",
  args: atMost(1),
  complete: "images",
  flags: {
    all: bool("a", "Show all images (default hides intermediate images)"),
    digests: bool("", "Show digests"),
    filter: filter("f", ["before", "dangling", "label", "reference", "since", "until"]),
    format: listFormat(),
    "no-trunc": bool("", "Don't truncate output"),
    quiet: bool("q", "Only show image IDs"),
    tree: bool("", "List multi-platform images as a tree (EXPERIMENTAL)"),
  },
  run: async ({ args, flags, docker, out, err, config, path, program }) => {
    const filters = args[0] ? withFilter(flags.filter, "reference", args[0]) : flags.filter
    if (flags.tree) {
      for (const [name, given] of Object.entries({
        quiet: flags.quiet,
        "no-trunc": flags["no-trunc"],
        "show-digest": flags.digests,
        format: flags.format !== "",
      }))
        if (given) throw new Exit(1, `--${name} is not yet supported with --tree`)
      const found = await docker.images.list({ all: flags.all, filters, manifests: true })
      const shown = flags.all
        ? found
        : found.filter(({ RepoTags, RepoDigests }) => RepoTags?.length || RepoDigests?.length)
      out.write(imageTree(shown, out))
      return
    }
    const images = await docker.images.list({ all: flags.all, filters })
    const format = flags.format || (flags.quiet ? "" : (config.file.imagesFormat ?? ""))
    out.write(formatImages(images, { ...flags, format, noTrunc: flags["no-trunc"] }))
    if (args[0] && images.length === 0 && path === `${program} images` && verbs.includes(args[0]))
      err.line(`\nNo images found matching "${args[0]}": did you mean "${program} image ${args[0]}"?`)
  },
})

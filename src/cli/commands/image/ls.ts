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
    all: bool("a", "Show all images (default hides intermediate and dangling images)"),
    digests: bool("", "Show digests"),
    filter: filter("f", ["before", "dangling", "label", "reference", "since", "until"]),
    format: listFormat(),
    "no-trunc": bool("", "Don't truncate output"),
    quiet: bool("q", "Only show image IDs"),
    tree: bool("", "List multi-platform images as a tree (EXPERIMENTAL)"),
  },
  run: async ({ args, flags, docker, out, err, config, path, program }) => {
    const filters = args[0] ? withFilter(flags.filter, "reference", args[0]) : flags.filter
    const plain = {
      quiet: flags.quiet,
      "no-trunc": flags["no-trunc"],
      "show-digest": flags.digests,
      format: flags.format !== "",
    }
    const [wanted] = Object.entries(plain).find(([, given]) => given) ?? []
    if (flags.tree && wanted) throw new Exit(1, `--${wanted} is not yet supported with --tree`)
    const configured = flags.tree || flags.quiet ? "" : (config.file.imagesFormat ?? "")
    const manifests = wanted === undefined && (flags.tree || configured === "")
    const found = await docker.images.list({ all: flags.all, filters, manifests })
    const nameless = flags.all || filters.has("dangling")
    const images = nameless ? found : found.filter(({ RepoTags }) => RepoTags?.length)
    out.write(
      manifests
        ? imageTree(images, { expanded: flags.tree, hasColours: out.hasColours, columns: out.columns })
        : formatImages(images, { ...flags, format: flags.format || configured, noTrunc: flags["no-trunc"] }),
    )
    if (args[0] && images.length === 0 && path === `${program} images` && verbs.includes(args[0]))
      err.line(`No images found matching "${args[0]}": did you mean "${program} image ${args[0]}"?`)
  },
})

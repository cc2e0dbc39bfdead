import { AT_FDCWD, closeDescriptor, openAt, openFlags } from "./files.ts"

/** The directories that an overlay joins. */
export interface OverlayLayers {
  /** Top first; at least one. */
  readonly lower: readonly string[]
  /** Where writes go; absent for a read-only view (which needs two or more lower ones). */
  readonly upper?: string
  /** An empty directory on the file system of `upper`. */
  readonly work?: string
}

/** What mount(2) takes at most as options: a page with its terminating zero. */
const longestData = 4095

/**
 * Calls `mount` with the options that join `layers`. Paths that would not fit into a page together, or that hold
 * characters which separate options, are given as open descriptors under /proc/self/fd, so that a stack of more than a
 * hundred layers can be mounted from anywhere.
 * @param options the file system's other options, comma separated
 */
export function withOverlayOptions(
  layers: OverlayLayers,
  options: string | undefined,
  mount: (data: string) => void,
): void {
  const direct = compose(layers, options)
  const all = [...layers.lower, layers.upper ?? "", layers.work ?? ""]
  if (Buffer.byteLength(direct) <= longestData && !all.some((path) => /[,:\\]/.test(path))) {
    mount(direct)
    return
  }
  const opened: number[] = []
  const byDescriptor = (path: string): string => {
    const descriptor = openAt(AT_FDCWD, path, openFlags.path | openFlags.directory)
    opened.push(descriptor)
    return `/proc/self/fd/${descriptor}`
  }
  try {
    mount(
      compose(
        {
          lower: layers.lower.map(byDescriptor),
          ...(layers.upper ? { upper: byDescriptor(layers.upper) } : {}),
          ...(layers.work ? { work: byDescriptor(layers.work) } : {}),
        },
        options,
      ),
    )
  } finally {
    for (const descriptor of opened) closeDescriptor(descriptor)
  }
}

const compose = (layers: OverlayLayers, options: string | undefined): string =>
  [
    options,
    `lowerdir=${layers.lower.join(":")}`,
    layers.upper && `upperdir=${layers.upper}`,
    layers.work && `workdir=${layers.work}`,
  ]
    .filter(Boolean)
    .join(",")

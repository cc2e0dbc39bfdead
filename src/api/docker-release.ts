import { build } from "../std/build.ts"

/**
 * The first release of Docker that has the newest API version served here (1.56), and this build as semver's build metadata (§10), which orders
 * no versions. Clients ask an engine for a least release of Docker (Testcontainers for 1.6.0), which a version of Barge's own would not reach.
 * Three parts between dots and no more: some split the text at every dot.
 */
export const dockerRelease = `29.8.0+barge-${build.version.replace(/[^0-9A-Za-z]+/g, "-")}`

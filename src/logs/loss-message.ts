/** The line that readers show where output was lost. */
export const lossMessage = (bytes: number): string =>
  `[barge] ${bytes} bytes of output were lost here: no room on the disk for the log\n`

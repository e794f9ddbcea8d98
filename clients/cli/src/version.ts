/** Version of the command line, as in its package.json. */
export const CLI_VERSION = "0.1.0";

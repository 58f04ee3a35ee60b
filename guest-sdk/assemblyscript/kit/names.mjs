// Gives exports the names that the contract has for them, and which are no identifiers.
const FILTER = 'logsieve:filter/filter@0.1.0';
const NAMES = {
  configure: [`${FILTER}#configure`],
  process: [`${FILTER}#process`],
  after: [`cabi_post_${FILTER}#configure`, `cabi_post_${FILTER}#process`],
};

export default class Names {
  afterCompile(module) {
    for (const [name, wanted] of Object.entries(NAMES)) {
      module.removeExport(name);
      for (const other of wanted) module.addFunctionExport(`kit/entry/${name}`, other);
    }
  }
}

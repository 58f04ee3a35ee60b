// What the agent calls: a thin layer between the contract and `logsieve.js`. Not for authors.
import { get } from 'logsieve:filter/origin';
import { PatternSet } from 'logsieve:filter/patterns';
import { count, log } from 'logsieve:filter/report';

import * as author from '../filter.js';
import { connect, judge } from './logsieve.js';

connect({ origin: get, log, count, compile: (expressions) => PatternSet.compile(expressions) });

// What an author prints, out of habit, is for the agent's log.
const told = (level) => (...values) => log(level, values.join(' '));
globalThis.console = { debug: told('debug'), log: told('info'), info: told('info'), warn: told('warn'), error: told('error') };

if (!author.record && !author.batch) throw new Error('filter.js exports neither `record` nor `batch`');

// The contract's errors are strings; the stack, which tells where, goes to the agent's log.
function inWords(call) {
  try {
    return call();
  } catch (error) {
    if (!(error instanceof Error)) throw String(error);
    if (error.constructor !== Error) log('error', `${error}\n${error.stack}`);
    throw error.message;
  }
}

export const filter = {
  configure: (settings) =>
    inWords(() => {
      const given = JSON.parse(settings);
      const [key] = Object.keys(given);
      if (author.configure) author.configure(given);
      else if (key !== undefined) throw new Error(`settings: the filter has none, not \`${key}\``);
    }),
  process: (batch) => inWords(() => judge(author, batch)),
};

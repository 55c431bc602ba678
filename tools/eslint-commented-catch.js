/**
 * Lint rule: whoever catches an error and does nothing about it, or only logs it, says why in a comment.
 * Covers `catch` clauses and `.catch(...)` callbacks; the comment may stand inside, or on the line above.
 */

const LOG_METHODS = new Set(['debug', 'info', 'warn', 'error']);

/** `log.warn(...)`, `this.#deps.log.error(...)`: a call of a log method on something named log. */
function isLogCall(node) {
  const call = node.type === 'ExpressionStatement' ? node.expression : node;
  if (call.type !== 'CallExpression' || call.callee.type !== 'MemberExpression') return false;
  const { object, property } = call.callee;
  const name = object.type === 'MemberExpression' ? object.property.name : object.name;
  return LOG_METHODS.has(property.name) && /log$/i.test(name ?? '');
}

function isIdle(body) {
  if (body.type === 'BlockStatement') return body.body.every(isLogCall);
  if (body.type === 'Identifier') return body.name === 'undefined';
  return body.type === 'Literal' || isLogCall(body);
}

/** @type {import('eslint').Rule.RuleModule} */
export default {
  meta: {
    type: 'suggestion',
    schema: [],
    messages: { comment: 'This catch does nothing about the error: say in a comment why that is right.' },
  },
  create(context) {
    const { sourceCode } = context;
    const isCommented = (node, statement) =>
      sourceCode.getCommentsInside(node).length > 0 || sourceCode.getCommentsBefore(statement).length > 0;

    const statementOf = (node) => {
      let current = node;
      while (!/Statement$|Declaration$|^Property/.test(current.type)) current = current.parent;
      return current;
    };

    return {
      CatchClause(node) {
        if (isIdle(node.body) && !isCommented(node, node.parent)) context.report({ node, messageId: 'comment' });
      },
      'CallExpression[callee.property.name="catch"] > :matches(ArrowFunctionExpression, FunctionExpression).arguments'(
        node,
      ) {
        if (isIdle(node.body) && !isCommented(node, statementOf(node.parent))) {
          context.report({ node, messageId: 'comment' });
        }
      },
    };
  },
};

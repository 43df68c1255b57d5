import { InvalidInputError } from '../../errors.ts'

/** A site asks for a tick before anything is sent, and it was not there. */
export const notAcceptedError = () =>
  new InvalidInputError('The privacy notice has to be accepted first.', [
    { field: 'consent', message: 'Please tick this first.' },
  ])

import { tell } from '../../support/tell.ts';

tell('day-one', { beginning: false });

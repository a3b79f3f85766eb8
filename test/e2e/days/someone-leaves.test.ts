import { tell } from '../../support/tell.ts';

tell('someone-leaves');

/** @file The registry with the models of every package in it: whoever looks a model up by name imports it from here. */

// Importing a package registers its models.
import '@edgeai/modelopt';
import '@edgeai/xvision';

export { models } from '@edgeai/vision';

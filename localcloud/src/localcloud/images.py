"""ECR: repositories, and images that stand for what a container would do.

An image's content is its manifest here, a small mapping such as
`{"app": "cartservice", "version": "v2", "start_seconds": 8}`; a task runtime reads from
it how the release behaves. The digest is the SHA-256 of the manifest's canonical JSON.

Not modelled: layers, manifest lists, tag immutability, scans, lifecycle policies.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from localcloud.api import ACCOUNT, REGION, AwsError, NotModelled, Router, only
from localcloud.clock import Clock
from localcloud.identity import REGISTRY, Ids, arn

_PAGE, _PAGE_LIMIT = 100, 1000
"""Images of a page, by default and at most (API_DescribeImages)."""


class EventSink(Protocol):
    """Takes events in the shape that EventBridge gives them."""

    def put(self, event: dict[str, Any]) -> object:
        """Deliver an event to every rule that matches it."""


class ImageMissing(LookupError):
    """No image answers to a reference; the message is what a pull would report."""


@dataclass(slots=True)
class Image:
    """One image of a repository."""

    digest: str
    manifest: Mapping[str, Any]
    pushed_at: datetime
    tags: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Repository:
    """One repository and its images by digest."""

    name: str
    created_at: datetime
    images: dict[str, Image] = field(default_factory=dict)

    def tagged(self, tag: str) -> Image | None:
        """Return the image that carries the tag now."""
        return next((i for i in self.images.values() if tag in i.tags), None)


def digest_of(manifest: Mapping[str, Any]) -> str:
    """Return an image's digest: sha256: and 64 hexadecimal digits."""
    canonical = json.dumps(manifest, sort_keys=True, separators=(",", ":"))
    return "sha256:" + hashlib.sha256(canonical.encode()).hexdigest()


class Images:
    """The registry of the local cloud's account."""

    def __init__(self, clock: Clock, router: Router, events: EventSink) -> None:
        self._clock = clock
        self._events = events
        self._ids = Ids("ecr")
        self._repositories: dict[str, Repository] = {}
        router.serve(
            "ecr",
            {
                "CreateRepository": self._create_repository,
                "PutImage": self._put_image,
                "DescribeImages": self._describe_images,
                "BatchDeleteImage": self._batch_delete_image,
            },
        )

    def push(self, repository: str, tag: str, image: Mapping[str, Any]) -> str:
        """Push an image under a tag, as `docker push` would; return its digest."""
        self._put_image(
            {
                "repositoryName": repository,
                "imageTag": tag,
                "imageManifest": json.dumps(image, sort_keys=True),
            }
        )
        return digest_of(image)

    def image(self, repository: str, digest: str) -> Mapping[str, Any]:
        """Return an image's manifest; raise ImageMissing where there is none."""
        found = self._repositories.get(repository)
        if found is None or digest not in found.images:
            raise ImageMissing(f"{REGISTRY}/{repository}@{digest}: not found")
        return found.images[digest].manifest

    def pull(self, reference: str) -> tuple[str, Mapping[str, Any]]:
        """Return digest and manifest of REGISTRY/NAME:TAG or REGISTRY/NAME@DIGEST.

        Raises ImageMissing with the words of a failed pull (Amazon ECS Developer Guide,
        task_cannot_pull_image).
        """
        path, at, digest = reference.removeprefix(REGISTRY + "/").partition("@")
        name, _, tag = path.partition(":")
        repository = self._repositories.get(name)
        found: Image | None = None
        if repository is not None:
            found = (
                repository.images.get(digest)
                if at
                else repository.tagged(tag or "latest")
            )
        if found is None or not reference.startswith(REGISTRY + "/"):
            raise ImageMissing(
                "CannotPullContainerError: pull image manifest has been retried 5 "
                f"time(s): failed to resolve ref {reference}: {reference}: not found"
            )
        return found.digest, found.manifest

    def _repository(self, name: str) -> Repository:
        if name not in self._repositories:
            raise AwsError(
                "RepositoryNotFoundException",
                f"The repository with name '{name}' does not exist in the registry "
                f"with id '{ACCOUNT}'",
            )
        return self._repositories[name]

    def _create_repository(self, params: dict[str, Any]) -> dict[str, Any]:
        only(params, "repositoryName", "tags")
        name = params["repositoryName"]
        if name in self._repositories:
            raise AwsError(
                "RepositoryAlreadyExistsException",
                f"The repository with name '{name}' already exists in the registry "
                f"with id '{ACCOUNT}'",
            )
        repository = Repository(name, self._clock.now())
        self._repositories[name] = repository
        return {
            "repository": {
                "repositoryArn": arn("ecr", f"repository/{name}"),
                "registryId": ACCOUNT,
                "repositoryName": name,
                "repositoryUri": f"{REGISTRY}/{name}",
                "createdAt": repository.created_at,
                "imageTagMutability": "MUTABLE",
            }
        }

    def _put_image(self, params: dict[str, Any]) -> dict[str, Any]:
        """Store an image or move a tag (Amazon ECR API reference, PutImage).

        A new tag of a known digest keeps the digest's imagePushedAt. The same digest
        under the same tag again is refused and, as far as is known, sends no event.
        """
        only(params, "repositoryName", "imageManifest", "imageTag")
        repository = self._repository(params["repositoryName"])
        manifest = json.loads(params["imageManifest"])
        digest, tag = digest_of(manifest), params.get("imageTag")
        known = repository.images.get(digest)
        if known is not None and (tag is None or tag in known.tags):
            raise AwsError(
                "ImageAlreadyExistsException",
                f"Image with digest '{digest}' and tag '{tag}' already exists in the "
                f"repository with name '{repository.name}' in registry with id "
                f"'{ACCOUNT}'",
            )
        if known is None:
            known = Image(digest, manifest, self._clock.now())
            repository.images[digest] = known
        if tag is not None:
            for image in repository.images.values():
                if tag in image.tags:
                    image.tags.remove(tag)
            known.tags.append(tag)
        self._announce("PUSH", repository.name, digest, tag)
        return {
            "image": {
                "registryId": ACCOUNT,
                "repositoryName": repository.name,
                "imageId": {"imageDigest": digest} | ({"imageTag": tag} if tag else {}),
                "imageManifest": params["imageManifest"],
            }
        }

    def _describe_images(self, params: dict[str, Any]) -> dict[str, Any]:
        """Describe named images, or all by pages (API reference, DescribeImages)."""
        only(
            params,
            "repositoryName",
            "registryId",
            "imageIds",
            "filter",
            "maxResults",
            "nextToken",
        )
        repository = self._repository(params["repositoryName"])
        if "imageIds" not in params:
            return _page(repository, params)
        if {"maxResults", "nextToken"} & set(params):
            raise AwsError(
                "InvalidParameterException",
                "Invalid parameter at 'imageIds': no pages of images that are named",
            )
        if "filter" in params:
            raise NotModelled("parameter filter together with imageIds")
        chosen = [self._find(repository, i) for i in params["imageIds"]]
        return {"imageDetails": [_details(repository, image) for image in chosen]}

    def _find(self, repository: Repository, image_id: Mapping[str, str]) -> Image:
        digest, tag = image_id.get("imageDigest"), image_id.get("imageTag")
        if tag is None and digest is None:
            raise AwsError(
                "InvalidParameterException",
                "Invalid parameter at 'imageIds': neither tag nor digest is given",
            )
        if tag is not None:
            found = repository.tagged(tag)
        else:
            found = repository.images.get(str(digest))
        if found is None or (digest is not None and found.digest != digest):
            raise AwsError(
                "ImageNotFoundException",
                f"The image with imageId {{imageDigest:'{digest}', imageTag:'{tag}'}} "
                f"does not exist within the repository with name "
                f"'{repository.name}' in the registry with id '{ACCOUNT}'",
            )
        return found

    def _batch_delete_image(self, params: dict[str, Any]) -> dict[str, Any]:
        """Delete images by digest; deleting a tag only is not modelled."""
        only(params, "repositoryName", "imageIds")
        repository = self._repository(params["repositoryName"])
        deleted, failures = [], []
        for image_id in params["imageIds"]:
            if set(image_id) != {"imageDigest"}:
                raise NotModelled("BatchDeleteImage by tag")
            if repository.images.pop(image_id["imageDigest"], None) is None:
                failures.append(
                    {
                        "imageId": image_id,
                        "failureCode": "ImageNotFound",
                        "failureReason": "Requested image not found",
                    }
                )
                continue
            deleted.append(image_id)
            self._announce("DELETE", repository.name, image_id["imageDigest"], None)
        return {"imageIds": deleted, "failures": failures}

    def _announce(self, action: str, name: str, digest: str, tag: str | None) -> None:
        """Send the event of Amazon ECR User Guide, ecr-eventbridge."""
        self._events.put(
            {
                "version": "0",
                "id": self._ids.uuid("event"),
                "detail-type": "ECR Image Action",
                "source": "aws.ecr",
                "account": ACCOUNT,
                "time": self._clock.now().strftime("%Y-%m-%dT%H:%M:%SZ"),
                "region": REGION,
                "resources": [],
                "detail": {
                    "result": "SUCCESS",
                    "repository-name": name,
                    "image-digest": digest,
                    "action-type": action,
                }
                | ({"image-tag": tag} if tag is not None else {}),
            }
        )


def _page(repository: Repository, params: dict[str, Any]) -> dict[str, Any]:
    """Return one page of a repository's images; a token says where it begins."""
    wanted = params.get("filter", {})
    only(wanted, "tagStatus")
    status = wanted.get("tagStatus", "ANY")
    chosen = [
        image
        for image in repository.images.values()
        if status == "ANY" or (status == "TAGGED") == bool(image.tags)
    ]
    limit = params.get("maxResults", _PAGE)
    if limit > _PAGE_LIMIT:
        raise AwsError(
            "InvalidParameterException",
            f"Invalid parameter at 'maxResults': above {_PAGE_LIMIT}",
        )
    token = params.get("nextToken", "0")
    if not token.isdecimal():
        raise AwsError("InvalidParameterException", "Invalid parameter at 'nextToken'")
    end = int(token) + limit
    answer: dict[str, Any] = {
        "imageDetails": [
            _details(repository, image) for image in chosen[end - limit : end]
        ]
    }
    if end < len(chosen):
        answer["nextToken"] = str(end)
    return answer


def _details(repository: Repository, image: Image) -> dict[str, Any]:
    return {
        "registryId": ACCOUNT,
        "repositoryName": repository.name,
        "imageDigest": image.digest,
        "imageSizeInBytes": len(json.dumps(image.manifest)),
        "imagePushedAt": image.pushed_at,
    } | ({"imageTags": list(image.tags)} if image.tags else {})
